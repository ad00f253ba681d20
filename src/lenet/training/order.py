"""The order in which each epoch takes its examples.

It follows from the seed and the epoch alone.
"""

import numpy as np


def epoch_order(examples: int, seed: int, epoch: int) -> np.ndarray:
    """Return the order in which an epoch, counted from 0, takes its examples: int64 (examples,)."""
    return np.random.Generator(np.random.PCG64([seed, epoch])).permutation(examples)
