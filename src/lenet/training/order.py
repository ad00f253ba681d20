"""The order in which each epoch takes its examples. It follows from the seed and the epoch alone."""

import numpy as np


def epoch_order(examples: int, order: str, seed: int, epoch: int) -> np.ndarray:
    """Return the order in which an epoch, counted from 0, takes its examples: int64 (examples,).

    order: "fresh", another one in each epoch; or "constant", that of the first (LeCun et al. 1998, Appendix C).
    """
    return np.random.Generator(np.random.PCG64([seed, 0 if order == "constant" else epoch])).permutation(examples)
