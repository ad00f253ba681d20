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

# The slope where the state is 0 is AMPLITUDE · SLOPE; then how often the kernel was compiled.
SLOPE_AT_0 = """
import numpy as np
from lenet.training.lenet_1998.kernels import slope
states, slopes = np.zeros(1, np.float32), np.zeros(1, np.float32)
slope(states, slopes)
print(slopes[0], sum(slope.stats.cache_misses.values()))
"""
SLOPE = np.float32(lenet_1998.SLOPE) * np.float32(lenet_1998.AMPLITUDE)


@kernel
def _products_and_sums(a, b, c):
    return a * b + c


def test_a_product_is_rounded_before_it_is_added_to():
    # The square is 1 + 2^-11 + 2^-24; its last term is lost in rounding, and would survive a fused multiply–add.
    one_and_a_bit = np.float32(1 + 2**-12)
    assert _products_and_sums(one_and_a_bit, one_and_a_bit, np.float32(-1 - 2**-11)) == 0


@pytest.mark.skipif(platform.machine() not in ("x86_64", "AMD64"), reason="other machines have other features")
def test_numba_compiles_for_no_other_x86_64_processor():
    assert numba.config.CPU_NAME == "haswell"
    assert "+fma" in numba.config.CPU_FEATURES


def checkout(folder):
    """Copy the code into a new checkout; return its package."""
    package = folder / "src/lenet"
    shutil.copytree(ROOT / "src/lenet", package, ignore=shutil.ignore_patterns("__pycache__"))
    return package


def slope_in(package, cache):
    """Return the slope that a process with that code and cache prints, and how many kernels it compiled for it."""
    env = os.environ | {"PYTHONPATH": str(package.parent), "XDG_CACHE_HOME": str(cache)}
    done = subprocess.run([sys.executable, "-c", SLOPE_AT_0], env=env, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    slope, compilations = done.stdout.split()
    return np.float32(slope), int(compilations)


@pytest.mark.slow
def test_what_is_compiled_is_shared_by_all_checkouts_of_a_user_with_the_same_sources(tmp_path):
    one, other, cache = checkout(tmp_path / "one"), checkout(tmp_path / "other"), tmp_path / "cache"
    assert slope_in(one, cache) == (SLOPE, 1)
    assert slope_in(other, cache) == (SLOPE, 0)
    assert (cache / "lenet-lab").stat().st_mode & 0o777 == 0o700
    constants = other / "network/lenet_1998.py"
    amplitude = f"AMPLITUDE = {lenet_1998.AMPLITUDE}"
    constants.write_text(constants.read_text().replace(amplitude, "AMPLITUDE = 3.0"))
    assert slope_in(other, cache) == (np.float32(3 * lenet_1998.SLOPE), 1)


@pytest.mark.slow
def test_a_folder_that_others_can_write_is_not_used(tmp_path):
    package, shared = checkout(tmp_path / "one"), tmp_path / "cache/lenet-lab"
    shared.mkdir(parents=True)
    shared.chmod(0o770)
    assert slope_in(package, shared.parent) == (SLOPE, 1)
    assert slope_in(package, shared.parent) == (SLOPE, 0)  # kept in the checkout
    assert list(shared.iterdir()) == []


def test_what_imports_a_compiled_module_is_keyed_with_it():
    importers = [module for module in all_modules() if "training.compiled" in imports_of(module)]
    keyed = {path for pattern in compiled._SOURCES for path in PACKAGE.glob(pattern)}
    assert {file_of(module) for module in importers} <= keyed
    assert file_of("network.lenet_1998") in keyed
