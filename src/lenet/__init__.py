"""Compare the LeNet-5 recipe of 1998 with today's recipes: the five stages of a DVC pipeline, and their library."""
