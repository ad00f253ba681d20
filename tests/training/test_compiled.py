import os
import platform
import shutil
import subprocess
import sys

import numba
import numpy as np
import pytest
from support.imports import PACKAGE, all_modules, file_of, imports_of
from support.paths import ROOT

from lenet.network import lenet_1998
from lenet.training import compiled
from lenet.training.compiled import kernel

# Prints the slope for the state 0, which is AMPLITUDE · SLOPE, and how often the kernel was compiled.
SLOPE_AT_0 = """
import numpy as np
from lenet.training.lenet_1998.kernels import slope
states, slopes = np.zeros(1, np.float32), np.zeros(1, np.float32)
slope(states, slopes)
print(slopes[0], sum(slope.stats.cache_misses.values()))
"""
SLOPE = np.float32(lenet_1998.SLOPE) * np.float32(lenet_1998.AMPLITUDE)


@kernel
def _multiply_then_add(a, b, c):
    return a * b + c


def test_a_product_is_rounded_before_the_addition():
    # The square is 1 + 2^-11 + 2^-24. Rounding drops the last term; a fused multiply–add would keep it.
    one_and_a_bit = np.float32(1 + 2**-12)
    assert _multiply_then_add(one_and_a_bit, one_and_a_bit, np.float32(-1 - 2**-11)) == 0


@pytest.mark.skipif(platform.machine() not in ("x86_64", "AMD64"), reason="other machines have other features")
def test_numba_compiles_for_haswell_on_every_x86_64_processor():
    assert numba.config.CPU_NAME == "haswell"
    assert "+fma" in numba.config.CPU_FEATURES


def copy_checkout(folder):
    """Copy the code into a new checkout; return the folder of the package."""
    package = folder / "src/lenet"
    shutil.copytree(ROOT / "src/lenet", package, ignore=shutil.ignore_patterns("__pycache__"))
    return package


def compute_slope(package, cache):
    """Run SLOPE_AT_0 with this package and cache; return the printed slope and how many kernels were compiled."""
    env = os.environ | {"PYTHONPATH": str(package.parent), "XDG_CACHE_HOME": str(cache)}
    done = subprocess.run([sys.executable, "-c", SLOPE_AT_0], env=env, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    slope, compilations = done.stdout.split()
    return np.float32(slope), int(compilations)


@pytest.mark.slow
def test_checkouts_with_the_same_sources_share_compiled_code(tmp_path):
    first, second, cache = copy_checkout(tmp_path / "one"), copy_checkout(tmp_path / "other"), tmp_path / "cache"
    assert compute_slope(first, cache) == (SLOPE, 1)
    assert compute_slope(second, cache) == (SLOPE, 0)
    assert (cache / "lenet-lab").stat().st_mode & 0o777 == 0o700
    constants = second / "network/lenet_1998.py"
    amplitude = f"AMPLITUDE = {lenet_1998.AMPLITUDE}"
    constants.write_text(constants.read_text().replace(amplitude, "AMPLITUDE = 3.0"))
    assert compute_slope(second, cache) == (np.float32(3 * lenet_1998.SLOPE), 1)


@pytest.mark.slow
def test_a_cache_folder_that_others_can_write_is_not_used(tmp_path):
    package, shared = copy_checkout(tmp_path / "one"), tmp_path / "cache/lenet-lab"
    shared.mkdir(parents=True)
    shared.chmod(0o770)
    assert compute_slope(package, shared.parent) == (SLOPE, 1)
    assert compute_slope(package, shared.parent) == (SLOPE, 0)  # read from the checkout's own cache
    assert list(shared.iterdir()) == []


def test_the_cache_key_covers_every_module_with_compiled_code():
    importers = [module for module in all_modules() if "training.compiled" in imports_of(module)]
    files_in_key = {path for pattern in compiled._SOURCES for path in PACKAGE.glob(pattern)}
    assert {file_of(module) for module in importers} <= files_in_key
    assert file_of("network.lenet_1998") in files_in_key
