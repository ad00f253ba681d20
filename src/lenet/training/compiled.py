"""Loops compiled by Numba to the same bits on every processor.

Numba otherwise compiles for the processor it runs on. Here a loop multiplies and adds alike everywhere: no fused
multiply–adds, which round once where two operations round twice, but where the code asks for one (lanes.py); no
reordered sums (no fastmath); no call into a mathematical library. What is left, IEEE 754 defines to the last bit.
"""

import hashlib
import os
import platform
from pathlib import Path

import llvmlite
import numba
from numba.core.caching import UserProvidedCacheLocator

# LLVM's names of processor and features. x86-64: AVX2 and FMA, which every such processor since 2013 has. LLVM puts a
# fused multiply–add in place of two operations only under fastmath.
_X86_64, _OTHER = ("haswell", "+avx2,+avx,+fma,+sse4.2"), ("generic", "")
# As Linux and Windows call it.
_NAME, _FEATURES = {"x86_64": _X86_64, "AMD64": _X86_64}.get(platform.machine(), _OTHER)

_PACKAGE = Path(__file__).parents[1]
# What is compiled, and the constants compiled into it, whose change Numba overlooks.
_SOURCES = ("training/compiled.py", "training/distortion.py", "training/lenet_1998/*.py", "network/lenet_1998.py")


class ByContent(UserProvidedCacheLocator):
    """Where Numba finds what was compiled: by the sources' content, wherever they lie."""

    @classmethod
    def get_suitable_cache_subpath(cls, py_file: str) -> str:
        return ""


def _cache_folder() -> Path:
    """Return the folder for what is compiled from these sources: one for all checkouts of a user, or else our own."""
    shared = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "lenet-lab"
    return (shared if _is_private(shared) else Path(__file__).parent / "__pycache__") / f"numba-{_digest()}"


def _is_private(folder: Path) -> bool:
    """Make a folder that only this user can read or write; say whether it is one: code that others write is not run."""
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        status = folder.stat()
    except OSError:
        return False
    return status.st_uid == os.getuid() and not status.st_mode & 0o077 and os.access(folder, os.W_OK)


def _digest() -> str:
    """Return a digest of all that decides what is compiled: sources, versions, target."""
    digest = hashlib.sha256(repr((numba.__version__, llvmlite.__version__, _NAME, _FEATURES)).encode())
    for pattern in _SOURCES:
        for source in sorted(_PACKAGE.glob(pattern)):
            digest.update(source.read_bytes())
    return digest.hexdigest()[:16]


# In the environment, not in numba.config: Numba reads the environment again when it compiles, if any of its variables
# has changed since, and then forgets what was set in numba.config. What else a user sets there must change no bits.
_CACHE = str(_cache_folder())
for _variable in [name for name in os.environ if name.startswith("NUMBA_")]:
    del os.environ[_variable]
os.environ |= {
    "NUMBA_CPU_NAME": _NAME,
    "NUMBA_CPU_FEATURES": _FEATURES,
    "NUMBA_CACHE_DIR": _CACHE,
    "NUMBA_CACHE_LOCATOR_CLASSES": f"{__name__}.{ByContent.__name__}",
}
numba.config.reload_config()

kernel = numba.njit(error_model="numpy", cache=True)
# Copied into its caller, so that a number of lanes it is given stays a constant.
inlined = numba.njit(error_model="numpy", cache=True, inline="always")
