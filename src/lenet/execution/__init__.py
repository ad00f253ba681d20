"""Where runs execute: worker processes on this machine or a Dask cluster; and the display of their progress."""
