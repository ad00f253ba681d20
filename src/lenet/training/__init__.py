"""Train one run, from settings, seed and data to weights. If this code changes, runs are trained again."""
