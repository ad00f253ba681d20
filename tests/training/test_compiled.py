import os
import platform
import shutil
import subprocess
import sys

import numba
import numpy as np
import pytest
from support.paths import ROOT

from lenet.network.lenet_1998 import AMPLITUDE, SLOPE
from lenet.training.compiled import kernel

# The slope where the state is 0 is AMPLITUDE · SLOPE; then how often the kernel was compiled.
SLOPE_AT_0 = """
import numpy as np
from lenet.training.lenet_1998.kernels import slope
states, slopes = np.zeros(1, np.float32), np.zeros(1, np.float32)
slope(states, slopes)
print(slopes[0], sum(slope.stats.cache_misses.values()))
"""
SLOPE_IN_A_CHILD = (
    "import subprocess, sys, lenet.training.compiled; subprocess.run([sys.executable, '-c', sys.argv[1]])"
)


@kernel
def _products_and_sums(a, b, c):
    return a * b + c


def test_a_product_is_rounded_before_it_is_added_to():
    one_and_a_bit = np.float32(1 + 2**-12)
    # Exactly, the square is 1 + 2^-11 + 2^-24; its last term is lost in rounding, and would survive a fused one.
    # As an exact float64 shows: (1 + 2^-12)² − 1 − 2^-11 = 2^-24.
    assert float(one_and_a_bit) ** 2 - 1 - 2**-11 == 2**-24
    assert _products_and_sums(one_and_a_bit, one_and_a_bit, np.float32(-1 - 2**-11)) == 0


@pytest.mark.skipif(platform.machine() not in ("x86_64", "AMD64"), reason="other machines have other features")
def test_numba_compiles_for_no_other_x86_64_processor():
    assert numba.config.CPU_NAME == "haswell"
    assert "+fma" in numba.config.CPU_FEATURES


@pytest.fixture
def copy(tmp_path):
    """A copy of the code, to edit."""
    ignored = shutil.ignore_patterns("__pycache__")
    shutil.copytree(ROOT / "src" / "lenet", tmp_path / "src" / "lenet", ignore=ignored)
    return tmp_path / "src"


@pytest.fixture
def run(copy, tmp_path):
    """Run code with the copy, in a process of its own, where the user chose a folder for what Numba compiles."""

    def printed(*code):
        env = os.environ | {"PYTHONPATH": str(copy), "NUMBA_CACHE_DIR": str(tmp_path / "chosen")}
        done = subprocess.run([sys.executable, "-c", *code], env=env, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
        value, compilations = done.stdout.split()
        return np.float32(value), int(compilations)

    return printed


@pytest.mark.slow
def test_an_edited_constant_is_compiled_anew_and_unchanged_code_is_not(run, copy, tmp_path):
    expected = np.float32(SLOPE) * np.float32(AMPLITUDE)
    assert run(SLOPE_AT_0) == (expected, 1)
    assert run(SLOPE_AT_0) == (expected, 0)
    assert run(SLOPE_IN_A_CHILD, SLOPE_AT_0) == (expected, 0)
    constants = copy / "lenet" / "network" / "lenet_1998.py"
    constants.write_text(constants.read_text().replace(f"AMPLITUDE = {AMPLITUDE}", "AMPLITUDE = 3.0"))
    assert run(SLOPE_AT_0) == (np.float32(SLOPE) * np.float32(3), 1)
    assert len(list((tmp_path / "chosen").iterdir())) == 2
