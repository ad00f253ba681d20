"""Compare LeNet-5's recipe of 1998 with today's: the five stages of a DVC pipeline, and the library they use."""
