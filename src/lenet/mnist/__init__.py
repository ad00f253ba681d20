"""The data sets: their table, their download, their file format, their splits and folds."""
