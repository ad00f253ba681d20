"""The order of the examples in each epoch. The order depends only on the arguments of `epoch_order`."""

import numpy as np


def epoch_order(count: int, order: str, seed: int, epoch: int) -> np.ndarray:
    """Return the indices of the examples in the order of an epoch: int64 (count,).

    count: the number of examples. order: "fresh" gives each epoch another order; "constant" gives every epoch the order
    of epoch 0 (LeCun et al. 1998, Appendix C). epoch: counted from 0.
    """
    return np.random.Generator(np.random.PCG64([seed, 0 if order == "constant" else epoch])).permutation(count)
