"""The least time that a training could take: the network's arithmetic at the speed of the machine's.

    python -m benchmarks.limit rates | work

Prints as JSON what one core does in a second, or what one digit asks of it.
"""

import json
import math
import os
import sys
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING

from lenet.mnist.splits import load_statistics
from lenet.network import determinism
from lenet.settings import load_settings

if TYPE_CHECKING:
    import keras

_MEASURED_S = 2.0
# Environment in which NumPy and its OpenBLAS compute with no wider instructions than the project's training does.
AVX2_ALONE = {
    "OPENBLAS_CORETYPE": "Haswell",
    "NPY_DISABLE_CPU_FEATURES": "AVX512F,AVX512CD,AVX512_SKX,AVX512_CLX,AVX512_CNL,AVX512_ICL,AVX512_SPR",
}


@dataclass(frozen=True)
class Work:
    """Arithmetic of one digit: float32 operations in matrix products (forward, backward), and tanh."""

    forward: int
    backward: int
    tanh: int

    def seconds(self, trained: int, validated: int, flops: float, tanh: float) -> float:
        """Return how long one core takes to train on digits and to validate on others, at its rates per second."""
        products = trained * (self.forward + self.backward) + validated * self.forward
        return products / flops + (trained + validated) * self.tanh / tanh


def count(model: "keras.Model") -> Work:
    """Count a network's arithmetic, layer by layer.

    Forward, each weight is multiplied and added once at each of its positions. Backward this is done twice: for the
    gradients of the weights and for those of the layer's inputs, which the first layer does not need.
    """
    forward = backward = tanh = 0
    for layer in model.layers:
        kernel = getattr(layer, "kernel", None)
        if kernel is not None:
            operations = 2 * math.prod(layer.output.shape[1:-1]) * math.prod(kernel.shape)
            backward += operations if forward == 0 else 2 * operations
            forward += operations
        if getattr(getattr(layer, "activation", None), "__name__", "") == "tanh":
            tanh += math.prod(layer.output.shape[1:])
    return Work(forward, backward, tanh)


def rate(work: Callable[[], object], operations: int) -> float:
    """Return the highest number of operations per second that a piece of work reaches within some time."""
    until, best = time.perf_counter() + _MEASURED_S, math.inf
    while (started := time.perf_counter()) < until:
        work()
        best = min(best, time.perf_counter() - started)
    return operations / best


def rates() -> dict[str, float]:
    """Return this core's float32 operations per second in matrix products, and its tanh per second."""
    os.environ |= dict.fromkeys(("OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "OMP_NUM_THREADS"), "1")
    import numpy as np  # reads how many threads it may use

    side, values = 1024, np.linspace(-3, 3, 50_000, dtype=np.float32)
    matrix, result = np.ones((side, side), np.float32), np.empty((side, side), np.float32)
    products = rate(lambda: np.matmul(matrix, matrix, out=result), 2 * side**3)
    return {"flops": products, "tanh": rate(lambda: np.tanh(values), values.size)}


def work() -> dict[str, int]:
    """Return the arithmetic of the network of the current workspace's first variant."""
    determinism.prepare()
    from lenet.network.model import build_model  # imports TensorFlow

    return asdict(count(build_model(next(iter(load_settings().variants.values())), load_statistics())))


if __name__ == "__main__":
    print(json.dumps({"rates": rates, "work": work}[sys.argv[1]]()))
