"""Training: update rules, schedules, the training loop, checkpoints and budget planning."""
