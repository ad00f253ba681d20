"""Runs: their identity, their files, and the run store, which keeps finished runs.

A run is one training of one recipe from one seed. Its identity is everything that determines the results, bit for bit.
"""
