"""One run, from settings, seed and data to weights. An edit here trains anew."""
