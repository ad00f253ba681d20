"""The digits: which data sets there are, where they come from, their file format and their splits."""
