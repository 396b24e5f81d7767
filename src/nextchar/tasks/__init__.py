"""The other shapes of a recurrent network: tasks that are learned from items, not running text.

rows ──▶ items ──▶ examples ──▶ batches ──▶ item model ──▶ loss ──▶ trainer ──▶ run directory
(texts)   (ids)        (T×B ids)                  (nats)
"""
