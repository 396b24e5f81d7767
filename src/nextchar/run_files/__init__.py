"""Files of a run directory: kind, configuration, model card and origin."""
