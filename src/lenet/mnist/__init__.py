"""The data sets: a table of them, their download, their file format and their splits."""
