"""What makes a run's bits independent of the processor, of other runs and of threads.

`prepare()` comes before TensorFlow is imported, in every process that trains or predicts, workers included.
Measured for TensorFlow 2.21 on x86-64: with these settings the weights after training agree bit for bit between
AVX2 and AVX-512 processors; without any one of them they need not. They cost 3 to 5 % of the speed.
"""

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager

ENVIRONMENT = {
    # oneDNN is on by default on some processors only, and uses the widest instructions it finds.
    "TF_ENABLE_ONEDNN_OPTS": "1",
    "ONEDNN_MAX_CPU_ISA": "AVX2",
    # A second thread changes the order of sums. Runs are parallel, not threads.
    "OMP_NUM_THREADS": "1",
    # A GPU adds in an order of its own.
    "CUDA_VISIBLE_DEVICES": "-1",
    "KERAS_BACKEND": "tensorflow",
    # No folder, so that Keras finds no keras.json of the user's, and its own defaults hold.
    "KERAS_HOME": os.devnull,
}

# Variables that a process that trains inherits: they say where things are. None of them decides bits.
_KEPT = ("HOME", "PATH", "TMPDIR", "TEMP", "TMP", "SYSTEMROOT", "XDG_CACHE_HOME", "PYTHONDONTWRITEBYTECODE")

# Prefixes of the variables that TensorFlow, Keras and the libraries below them read.
_LIBRARIES = ("TF_", "XLA_", "KERAS_", "ONEDNN_", "DNNL_", "OMP_", "MKL_", "CUDA_")


def environment() -> dict[str, str]:
    """Return the environment to start a process in that trains: nothing in it but this decides bits."""
    return {name: os.environ[name] for name in _KEPT if name in os.environ} | ENVIRONMENT


def prepare() -> None:
    """Set the process up for reproducible bits; raise RuntimeError if TensorFlow was imported before.

    Safe to call again in the same process.
    """
    if "tensorflow" in sys.modules:
        if any(os.environ.get(name) != value for name, value in ENVIRONMENT.items()):
            raise RuntimeError("TensorFlow was imported before lenet.determinism.prepare()")
        return
    for name in [name for name in os.environ if name.startswith(_LIBRARIES)]:
        del os.environ[name]
    os.environ.update(ENVIRONMENT)
    with _quiet(), _hidden("matplotlib", "pandas", "scipy", "sklearn"):
        import keras  # noqa: F401  # it imports these where they are installed: a third of its time, for nothing here
        import tensorflow as tf

        tf.config.threading.set_intra_op_parallelism_threads(1)
        tf.config.threading.set_inter_op_parallelism_threads(1)
        # Grappler's fused kernels depend on the processor.
        tf.config.optimizer.set_experimental_options({"remapping": False})
        tf.config.list_logical_devices()
        # Each recipe traces its own network: not worth TensorFlow's warning.
        tf.get_logger().setLevel("ERROR")


@contextmanager
def _hidden(*names: str) -> Iterator[None]:
    """Let modules that were not imported yet appear not to be installed."""
    hidden = [name for name in names if name not in sys.modules]
    sys.modules.update(dict.fromkeys(hidden))  # type: ignore[arg-type]  # None says so
    try:
        yield
    finally:
        for name in hidden:
            del sys.modules[name]


@contextmanager
def _quiet() -> Iterator[None]:
    """Hide the messages that TensorFlow's C++ code prints to stderr at start-up (no GPU, oneDNN is on)."""
    sys.stderr.flush()
    shown = os.dup(2)
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 2)
    try:
        yield
    finally:
        os.dup2(shown, 2)
        os.close(nowhere)
        os.close(shown)


def start_run(seed: int) -> None:
    """Forget what earlier runs of this process left (names count up otherwise) and seed the random generators."""
    import keras

    keras.backend.clear_session()
    keras.utils.set_random_seed(seed)
