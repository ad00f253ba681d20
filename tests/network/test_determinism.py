"""Training gives the same bits on other processors, which QEMU emulates.

Emulation takes minutes. So only one processor is tried each time, and the others if anything has changed that their
bits depend on. emulated.json records what passed on which host. Only this test writes it, when it passes.
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

pytestmark = pytest.mark.slow  # each test starts a process that imports TensorFlow


def run_python(program, *arguments, **environment):
    clean = {name: value for name, value in os.environ.items() if name not in ENVIRONMENT}
    command = [sys.executable, "-c", program, *arguments]
    return subprocess.run(command, env=clean | environment, capture_output=True, text=True)


def test_prepare_takes_effect_before_tensorflow_starts_and_hides_its_messages():
    done = run_python(
        "from lenet.network import determinism; determinism.prepare(); determinism.prepare()\n"
        "import os, keras, tensorflow as tf\n"
        "assert all(os.environ[name] == value for name, value in determinism.ENVIRONMENT.items())\n"
        "print(tf.config.threading.get_intra_op_parallelism_threads(),\n"
        "      tf.config.threading.get_inter_op_parallelism_threads(),\n"
        "      tf.config.optimizer.get_experimental_options()['remapping'], tf.config.list_logical_devices('GPU'))\n"
        "keras.ops.zeros(3)"
    )
    assert (done.returncode, done.stdout.split(), done.stderr) == (0, ["1", "1", "False", "[]"], "")


def test_prepare_fails_if_tensorflow_was_imported_before():
    done = run_python(
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

train, statistics, variants = load_split("train"), load_statistics(), load_settings().variants
for name in sys.argv[1:]:
    changes = {"epochs": 1, "batch_size": 32, "dropout": 0.2} if name in ("tanh_sgd", "relu_adam") else {"epochs": 1}
    recipe = variants[name].model_copy(update=changes)
    trained = train_run(recipe, statistics, 0, train, train, lambda epoch, metrics: None)
    print(name, hashlib.sha256(trained.weights).hexdigest(), trained.history)
members = [*vars(distortion).values(), *vars(kernels).values()]
loops = [member.stats for member in members if hasattr(member, "stats")]
compiled, read = (sum(sum(getattr(loop, kind).values()) for loop in loops) for kind in ("cache_misses", "cache_hits"))
print(f"{compiled} loops compiled, {read} read", file=sys.stderr)
"""
QEMU = shutil.which("qemu-x86_64")


@pytest.fixture
def few_images(workspace, digits, statistics):
    """A workspace with only two and a half batches of images to train on, because emulation is slow."""
    save_split(split_path("train"), Split(digits.images[:80], digits.labels[:80]))
    save_statistics(statistics)


PASSED_FILE = Path(__file__).parent / "emulated.json"
HOST = machine_tags()["processor"]


class Emulated(NamedTuple):
    """An emulated processor, the variants to train on it, and whether it compiles their loops itself."""

    processor: str
    variants: list[str]
    compiles: bool

    @property
    def digest(self):
        """A digest of everything that the bits depend on: recipes, code, libraries and this test."""
        file_digests = [
            hashlib.sha256(file.read_bytes()).hexdigest() for file in (ROOT / "requirements.lock", Path(__file__))
        ]
        settings = load_settings(ROOT / "params.yaml")
        recipes = [settings.variant(name).model_dump(mode="json") for name in self.variants]
        return hashlib.sha256(json.dumps([*self, code.code_digests(), recipes, file_digests]).encode()).hexdigest()


# Compiling the loops of lenet5_1998 takes minutes under emulation. So this one runs the loops that the host compiled.
ALWAYS = Emulated("Haswell", ["tanh_sgd", "lenet5_1998"], False)
OTHERS = [
    # This one itself compiles the loops that distort the images of `modern`.
    Emulated("EPYC-Rome", ["relu_adam", "modern", "lenet5_1998_sgd"], True),
    # A processor by Hygon that reports AMD, its designer, as its maker. oneDNN trains only on Intel and AMD.
    Emulated("Dhyana,vendor=AuthenticAMD", ["relu_adam_max_pool", "tanh_adam_28"], False),
]


def passed_here():
    """Return what passed on this host: processor → digest."""
    return json.loads(PASSED_FILE.read_text()).get(HOST, {})


def processors_to_try():
    passed = passed_here()
    return [ALWAYS, *(other for other in OTHERS if passed.get(other.processor) != other.digest)]


@pytest.mark.skipif(QEMU is None, reason="needs qemu-x86_64 (Debian: apt-get install qemu-user)")
@pytest.mark.parametrize("emulated", processors_to_try(), ids=lambda emulated: emulated.processor)
def test_training_on_an_emulated_processor_gives_the_same_bits(emulated, few_images, tmp_path):
    processor, variants, compiles = emulated
    on_host = run_python(RUN, *variants)
    # Numba compiles for the same target on every x86-64 processor. So the emulated processor reads the loops that the
    # host compiled, unless its cache is an empty folder.
    cache = {"XDG_CACHE_HOME": str(tmp_path)} if compiles else {}
    command = [QEMU, "-cpu", processor, sys.executable, "-c", RUN, *variants]
    on_emulated = subprocess.run(command, env=os.environ | cache, capture_output=True, text=True)
    assert len(on_host.stdout.splitlines()) == len(variants), on_host.stderr
    assert on_emulated.stdout == on_host.stdout
    compiled, read = map(int, re.findall(r"(\d+) loops compiled, (\d+) read", on_emulated.stderr)[0])
    assert (compiled > 0) == compiles
    assert (read > 0) == ("lenet5_1998" in variants)
    if emulated in OTHERS:
        passed = json.loads(PASSED_FILE.read_text())
        passed[HOST] = passed_here() | {processor: emulated.digest}
        PASSED_FILE.write_text(f"{json.dumps(passed, indent=2, sort_keys=True)}\n")
