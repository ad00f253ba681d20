"""Who a run is, and its files. A run's identity decides its bits."""
