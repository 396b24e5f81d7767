"""Files of a run: the kind of run in a folder, its configuration, its card, its origin."""
