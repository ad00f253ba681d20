"""Loops compiled by Numba to the same bits on every processor.

Numba otherwise compiles for the processor it runs on. Held to one target without fused multiply–adds, never allowed to
reorder a sum (no fastmath), and kept away from the mathematical library, a loop adds and multiplies alike everywhere.
"""

import hashlib
import os
from pathlib import Path

import numba

from lenet.imports import all_modules, file_of, imports_of, reached_from

_HERE = Path(__file__).parent
# What is compiled, and the constants that are compiled into it. Numba itself would not notice a constant's change.
_COMPILED = [module for module in all_modules() if "training.compiled" in imports_of(module)]
_SOURCES = map(file_of, reached_from(_COMPILED))
_DIGEST = hashlib.sha256(b"".join(file.read_bytes() for file in _SOURCES)).hexdigest()[:16]

# AVX2 without FMA: what every x86-64 processor since 2013 has.
os.environ |= {"NUMBA_CPU_NAME": "haswell", "NUMBA_CPU_FEATURES": "+avx2,+avx,-fma,+sse4.2"}
os.environ.setdefault("NUMBA_CACHE_DIR", str(_HERE / "__pycache__" / f"numba-{_DIGEST}"))
numba.config.reload_config()

kernel = numba.njit(error_model="numpy", cache=True)
# So that sizes it is given become constants.
inlined = numba.njit(error_model="numpy", cache=True, forceinline=True)
