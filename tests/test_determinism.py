import os
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
