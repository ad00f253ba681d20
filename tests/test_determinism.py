import os
import shutil
import subprocess
import sys

import pytest

from lenet.determinism import ENVIRONMENT

pytestmark = pytest.mark.slow  # each test starts TensorFlow in a process of its own


def python(code, **environment):
    clean = {name: value for name, value in os.environ.items() if name not in ENVIRONMENT}
    return subprocess.run([sys.executable, "-c", code], env=clean | environment, capture_output=True, text=True)


def test_prepare_sets_everything_before_tensorflow_sees_it():
    done = python(
        "from lenet import determinism; determinism.prepare(); determinism.prepare()\n"
        "import os, tensorflow as tf\n"
        "assert all(os.environ[name] == value for name, value in determinism.ENVIRONMENT.items())\n"
        "print(tf.config.threading.get_intra_op_parallelism_threads(),\n"
        "      tf.config.threading.get_inter_op_parallelism_threads(),\n"
        "      tf.config.optimizer.get_experimental_options()['remapping'], tf.config.list_logical_devices('GPU'))"
    )
    assert done.stdout.split() == ["1", "1", "False", "[]"], done.stderr


def test_tensorflow_says_nothing_of_its_own_at_start_up():
    done = python("from lenet import determinism; determinism.prepare(); import keras; keras.ops.zeros(3)")
    assert (done.returncode, done.stderr) == (0, "")


def test_prepare_refuses_to_come_after_tensorflow():
    done = python("import tensorflow; from lenet import determinism; determinism.prepare()", TF_CPP_MIN_LOG_LEVEL="3")
    assert "RuntimeError: TensorFlow was imported before" in done.stderr


RUN = """
import hashlib
from lenet import determinism, mnist
determinism.prepare()
from lenet.config import Variant
from lenet.data import Split, Statistics
from lenet.training import train_run

arrays = mnist.bundled_digits()
digits = Split(arrays[mnist.TRAIN_IMAGES][:320], arrays[mnist.TRAIN_LABELS][:320])
statistics = Statistics("digits", 0.1, 0, {}, 40.0, 80.0)
for activation, optimizer in (("tanh", "sgd"), ("relu", "adam")):
    recipe = Variant(
        activation=activation, optimizer=optimizer, learning_rate=0.01, batch_size=32, epochs=1, dropout=0.2
    )
    trained = train_run(recipe, statistics, 0, digits, digits, lambda epoch, metrics: None)
    print(hashlib.sha256(trained.weights).hexdigest(), trained.history)
"""
QEMU = shutil.which("qemu-x86_64")


@pytest.mark.skipif(QEMU is None, reason="needs qemu-x86_64 (Debian: apt-get install qemu-user)")
@pytest.mark.parametrize("processor", ["Haswell", "EPYC-Rome"])
def test_another_processor_gives_the_same_bits(processor):
    here = python(RUN)
    there = subprocess.run([QEMU, "-cpu", processor, sys.executable, "-c", RUN], capture_output=True, text=True)
    assert len(here.stdout.splitlines()) == 2, here.stderr
    assert there.stdout == here.stdout
