"""Files of a run directory: kind, configuration and origin."""
