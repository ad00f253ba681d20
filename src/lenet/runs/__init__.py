"""A run's identity (everything that decides its bits), its files, and the run store."""
