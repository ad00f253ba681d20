"""Bits do not depend on the processor: other ones are emulated. That takes minutes, so most are tried when it matters.

emulated.json says what was tried where: this test alone writes it, when it passes.
"""

import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

import pytest
from support.paths import ROOT

from lenet.mnist.splits import Split, save_split, save_statistics, split_path
from lenet.network.determinism import ENVIRONMENT
from lenet.runs import code
from lenet.runs.provenance import machine_tags
from lenet.settings import load_settings

pytestmark = pytest.mark.slow  # each test starts TensorFlow in a process of its own


def python(program, *arguments, **environment):
    clean = {name: value for name, value in os.environ.items() if name not in ENVIRONMENT}
    command = [sys.executable, "-c", program, *arguments]
    return subprocess.run(command, env=clean | environment, capture_output=True, text=True)


def test_prepare_sets_everything_before_tensorflow_sees_it_which_says_nothing_at_start_up():
    done = python(
        "from lenet.network import determinism; determinism.prepare(); determinism.prepare()\n"
        "import os, keras, tensorflow as tf\n"
        "assert all(os.environ[name] == value for name, value in determinism.ENVIRONMENT.items())\n"
        "print(tf.config.threading.get_intra_op_parallelism_threads(),\n"
        "      tf.config.threading.get_inter_op_parallelism_threads(),\n"
        "      tf.config.optimizer.get_experimental_options()['remapping'], tf.config.list_logical_devices('GPU'))\n"
        "keras.ops.zeros(3)"
    )
    assert (done.returncode, done.stdout.split(), done.stderr) == (0, ["1", "1", "False", "[]"], "")


def test_prepare_refuses_to_come_after_tensorflow():
    done = python(
        "import tensorflow; from lenet.network import determinism; determinism.prepare()", TF_CPP_MIN_LOG_LEVEL="3"
    )
    assert "RuntimeError: TensorFlow was imported before" in done.stderr


RUN = """
import hashlib, sys
from lenet.network import determinism
determinism.prepare()
from lenet.mnist.splits import load_split, load_statistics
from lenet.settings import load_settings
from lenet.training import distortion
from lenet.training.lenet_1998 import kernels
from lenet.training.one_run import train_run

digits, statistics, variants = load_split("train"), load_statistics(), load_settings().variants
for name in sys.argv[1:]:
    shorter = {"epochs": 1, "batch_size": 32, "dropout": 0.2} if name in ("tanh_sgd", "relu_adam") else {"epochs": 1}
    recipe = variants[name].model_copy(update=shorter)
    trained = train_run(recipe, statistics, 0, digits, digits, lambda epoch, metrics: None)
    print(name, hashlib.sha256(trained.weights).hexdigest(), trained.history)
names = [*vars(distortion).values(), *vars(kernels).values()]
loops = [each.stats for each in names if hasattr(each, "stats")]
compiled, read = (sum(sum(getattr(each, kind).values()) for each in loops) for kind in ("cache_misses", "cache_hits"))
print(f"{compiled} loops compiled, {read} read", file=sys.stderr)
"""
QEMU = shutil.which("qemu-x86_64")


@pytest.fixture
def few_digits(workspace, digits, statistics):
    """A workspace with two batches and a half of digits to train on: emulated, each takes its time."""
    save_split(split_path("train"), Split(digits.images[:80], digits.labels[:80]))
    save_statistics(statistics)


TRIED = Path(__file__).parent / "emulated.json"
HOST = machine_tags()["processor"]


class Emulated(NamedTuple):
    """A processor, the variants that are trained on it, and whether it compiles their loops itself."""

    processor: str
    variants: list[str]
    compiles: bool

    @property
    def digest(self):
        """Of all that its bits depend on: what is trained, by which code, with which libraries, under which test."""
        files = [hashlib.sha256(file.read_bytes()).hexdigest() for file in (ROOT / "requirements.lock", Path(__file__))]
        settings = load_settings(ROOT / "params.yaml")
        recipes = [settings.variant(name).model_dump(mode="json") for name in self.variants]
        return hashlib.sha256(json.dumps([*self, code.digests_of_runs(), recipes, files]).encode()).hexdigest()


# Emulated, the compilation of lenet5_1998's loops takes minutes: this one executes what was compiled here.
ALWAYS = Emulated("Haswell", ["tanh_sgd", "lenet5_1998"], False)
OTHERS = [
    # This one compiles for itself the loops that distort modern's digits.
    Emulated("EPYC-Rome", ["relu_adam", "modern", "lenet5_1998_sgd"], True),
    # Hygon's, under the maker's name of its design: oneDNN trains on no others than Intel's and AMD's.
    Emulated("Dhyana,vendor=AuthenticAMD", ["relu_adam_max_pool", "tanh_adam_28"], False),
]


def tried():
    """What passed on this host: processor → digest."""
    return json.loads(TRIED.read_text()).get(HOST, {})


def to_be_tried():
    passed = tried()
    return [ALWAYS, *(each for each in OTHERS if passed.get(each.processor) != each.digest)]


@pytest.mark.skipif(QEMU is None, reason="needs qemu-x86_64 (Debian: apt-get install qemu-user)")
@pytest.mark.parametrize("emulated", to_be_tried(), ids=lambda emulated: emulated.processor)
def test_another_processor_gives_the_same_bits(emulated, few_digits, tmp_path):
    processor, variants, compiles = emulated
    here = python(RUN, *variants)
    # Numba compiles for the same target on every x86-64 processor, and so reads there what it has compiled here; in an
    # empty folder it finds nothing.
    cache = {"XDG_CACHE_HOME": str(tmp_path)} if compiles else {}
    command = [QEMU, "-cpu", processor, sys.executable, "-c", RUN, *variants]
    there = subprocess.run(command, env=os.environ | cache, capture_output=True, text=True)
    assert len(here.stdout.splitlines()) == len(variants), here.stderr
    assert there.stdout == here.stdout
    compiled, read = map(int, re.findall(r"(\d+) loops compiled, (\d+) read", there.stderr)[0])
    assert (compiled > 0) == compiles
    assert (read > 0) == ("lenet5_1998" in variants)
    if emulated in OTHERS:
        passed = json.loads(TRIED.read_text())
        passed[HOST] = tried() | {processor: emulated.digest}
        TRIED.write_text(f"{json.dumps(passed, indent=2, sort_keys=True)}\n")
