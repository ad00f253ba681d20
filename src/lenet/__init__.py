"""LeNet-5's recipe of 1998 against today's: a DVC pipeline of five stages, and the rooms of the library they use."""
