"""Loops compiled by Numba to the same bits on every processor.

Numba otherwise compiles for the processor it runs on. Here a loop multiplies and adds alike everywhere: no fused
multiply–adds, which round once where two operations round twice, but where the code asks for one (lanes.py); no
reordered sums (no fastmath); no call into a mathematical library. What is left, IEEE 754 defines to the last bit, on
x86-64 and arm64 alike.
"""

import hashlib
import os
import platform
from pathlib import Path

import numba

from lenet.imports import all_modules, file_of, imports_of, reached_from

# LLVM's names of processor and features. x86-64: AVX2 and FMA, which every such processor since 2013 has; arm64 always
# has both. LLVM puts a fused multiply–add in place of two operations only under fastmath. TensorFlow supports no other
# machine; LLVM's plain target would compile there too.
_X86_64, _ARM64, _OTHER = ("haswell", "+avx2,+avx,+fma,+sse4.2"), ("generic", "+neon"), ("generic", "")
# As Linux, macOS and Windows call them.
_TARGETS = {"x86_64": _X86_64, "AMD64": _X86_64, "aarch64": _ARM64, "arm64": _ARM64}

_CACHE_PREFIX = "lenet-"


def _digest() -> str:
    """Return a digest of all that is compiled and of the constants compiled into it, whose change Numba overlooks."""
    compiled = [module for module in all_modules() if "training.compiled" in imports_of(module)]
    sources = (file_of(module).read_bytes() for module in reached_from(compiled))
    return hashlib.sha256(b"".join(sources)).hexdigest()[:16]


def _cache_folder() -> Path:
    """Return this code's own folder, in the one that the user chose for Numba, if any."""
    chosen = Path(os.environ.get("NUMBA_CACHE_DIR") or Path(__file__).parent / "__pycache__")
    if chosen.name.startswith(_CACHE_PREFIX):  # inherited from a process that has imported this module
        chosen = chosen.parent
    return chosen / f"{_CACHE_PREFIX}{_digest()}"


# In the environment, not in numba.config: Numba reads the environment again when it compiles, if any of its variables
# has changed since, and then forgets what was set in numba.config. What else a user sets there must change no bits.
_NAME, _FEATURES = _TARGETS.get(platform.machine(), _OTHER)
_CACHE = str(_cache_folder())
for _variable in [name for name in os.environ if name.startswith("NUMBA_")]:
    del os.environ[_variable]
os.environ |= {"NUMBA_CPU_NAME": _NAME, "NUMBA_CPU_FEATURES": _FEATURES, "NUMBA_CACHE_DIR": _CACHE}
numba.config.reload_config()

kernel = numba.njit(error_model="numpy", cache=True)
# Copied into its caller, so that a number of lanes it is given stays a constant.
inlined = numba.njit(error_model="numpy", cache=True, inline="always")
