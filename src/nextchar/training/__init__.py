"""How a network learns: update rules and schedules, the loop, its checkpoints and its plan."""
