"""Metrics, the statistics of the comparison, and the results and predictions on disk."""
