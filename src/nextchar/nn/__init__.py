"""Neural networks: cells, recurrence over time, stacks of cells, and complete networks."""
