"""Train one run: compute weights from settings, a seed and data. If this code changes, runs are trained again."""
