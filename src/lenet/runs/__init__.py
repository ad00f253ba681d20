"""A run's identity (everything that determines its results, bit for bit), its files, and the run store."""
