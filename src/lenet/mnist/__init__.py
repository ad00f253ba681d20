"""The known data sets, their download, their file format, and their splits and folds."""
