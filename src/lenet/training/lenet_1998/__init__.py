"""The training of 1998: stochastic diagonal Levenberg–Marquardt, compiled."""
