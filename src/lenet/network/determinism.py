"""Make a run's results independent, bit for bit, of the processor, of other runs and of threads.

Call `prepare()` before TensorFlow is imported, in every process that trains or predicts, workers included.
Measured for TensorFlow 2.21 on x86-64: with the settings of `prepare`, AVX2 and AVX-512 processors train to the same
weights, bit for bit. If any one of the settings is missing, the weights can differ. The settings cost 3 to 5 % of the
speed.
"""

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager

ENVIRONMENT = {
    # oneDNN is on by default on some processors only, and uses the widest instructions it finds.
    "TF_ENABLE_ONEDNN_OPTS": "1",
    "ONEDNN_MAX_CPU_ISA": "AVX2",
    # More threads would change the order of sums. Runs are trained in parallel instead.
    "OMP_NUM_THREADS": "1",
    # A GPU adds numbers in another order.
    "CUDA_VISIBLE_DEVICES": "-1",
    "KERAS_BACKEND": "tensorflow",
    # This is not a folder, so Keras finds no keras.json of the user and uses its own defaults.
    "KERAS_HOME": os.devnull,
}

# The variables that a training process inherits from its parent. None of them affects bits.
_INHERITED = ("HOME", "PATH", "TMPDIR", "TEMP", "TMP", "SYSTEMROOT", "XDG_CACHE_HOME", "PYTHONDONTWRITEBYTECODE")

# Prefixes of the variables that TensorFlow, Keras and the libraries below them read.
_LIBRARY_PREFIXES = ("TF_", "XLA_", "KERAS_", "ONEDNN_", "DNNL_", "OMP_", "MKL_", "CUDA_")


def training_environment() -> dict[str, str]:
    """Return a training process's environment variables. Of these, only the variables in ENVIRONMENT affect results."""
    return {name: os.environ[name] for name in _INHERITED if name in os.environ} | ENVIRONMENT


def prepare() -> None:
    """Set up this process so that its results are reproducible, bit for bit.

    Raises RuntimeError if TensorFlow was imported before the first call. A second call in the same process does
    nothing.
    """
    if "tensorflow" in sys.modules:
        if any(os.environ.get(name) != value for name, value in ENVIRONMENT.items()):
            raise RuntimeError("TensorFlow was imported before lenet.network.determinism.prepare(): call it first")
        return
    for name in [name for name in os.environ if name.startswith(_LIBRARY_PREFIXES)]:
        del os.environ[name]
    os.environ.update(ENVIRONMENT)
    # Keras imports these packages if they are installed: a third of its import time, although nothing here needs them.
    with _quiet(), _pretend_not_installed("matplotlib", "pandas", "scipy", "sklearn"):
        import keras  # noqa: F401
        import tensorflow as tf

        tf.config.threading.set_intra_op_parallelism_threads(1)
        tf.config.threading.set_inter_op_parallelism_threads(1)
        # Grappler's fused kernels depend on the processor.
        tf.config.optimizer.set_experimental_options({"remapping": False})
        tf.config.list_logical_devices()
        # Hide TensorFlow's warning about repeated tracing: each recipe has to trace its own network.
        tf.get_logger().setLevel("ERROR")


@contextmanager
def _pretend_not_installed(*names: str) -> Iterator[None]:
    """Make imports of these modules fail in the `with` block, as if the modules were not installed.

    Modules that are already imported stay imported.
    """
    hidden = [name for name in names if name not in sys.modules]
    sys.modules.update(dict.fromkeys(hidden))  # type: ignore[arg-type]  # None makes an import fail
    try:
        yield
    finally:
        for name in hidden:
            del sys.modules[name]


@contextmanager
def _quiet() -> Iterator[None]:
    """Hide what TensorFlow's C++ code prints to stderr at start-up: messages that no GPU was found and oneDNN is on."""
    sys.stderr.flush()
    stderr_copy = os.dup(2)
    null_device = os.open(os.devnull, os.O_WRONLY)
    os.dup2(null_device, 2)
    try:
        yield
    finally:
        os.dup2(stderr_copy, 2)
        os.close(null_device)
        os.close(stderr_copy)


def reset_and_seed(seed: int) -> None:
    """Clear what earlier runs left in this process, such as counters in layer names, and seed all random generators."""
    import keras

    keras.backend.clear_session()
    keras.utils.set_random_seed(seed)
