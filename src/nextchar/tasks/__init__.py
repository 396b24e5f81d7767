"""The tasks: language modelling on running text, and four tasks on separate items.

rows ──▶ items ──▶ examples ──▶ batches ──▶ item model ──▶ loss ──▶ trainer ──▶ run directory
(texts)   (ids)        (T×B ids)                  (nats)
"""
