"""Execute runs in worker processes on this machine or on a Dask cluster, and display the progress."""
