"""The order of the examples in each epoch. It depends only on the seed and the epoch."""

import numpy as np


def epoch_order(count: int, order: str, seed: int, epoch: int) -> np.ndarray:
    """Return the order of the examples in an epoch, counted from 0: int64 (count,).

    count: the number of examples. order: "fresh", another order in each epoch; or "constant", in every epoch the order
    of the first (LeCun et al. 1998, Appendix C).
    """
    return np.random.Generator(np.random.PCG64([seed, 0 if order == "constant" else epoch])).permutation(count)
