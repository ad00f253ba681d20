"""Compile loops with Numba, so that their results are the same on every processor, bit for bit.

By default, Numba compiles for the processor that it runs on. Here, compiled loops multiply and add in the same way on
every processor. Sums are not reordered (no fastmath), and no mathematical library is called. A multiplication and an
addition are fused, and then rounded once instead of twice, only where the code asks for it (lanes.py). IEEE 754 defines
the result of each operation to the last bit.
"""

import hashlib
import os
import platform
from pathlib import Path

import llvmlite
import numba
from numba.core.caching import UserProvidedCacheLocator

# LLVM's names of the target processor and its features. On x86-64: AVX2 and FMA, in Intel's processors since 2013 and
# in AMD's since 2015.
# Only under fastmath does LLVM replace a multiplication and an addition by a fused multiply–add.
_X86_64, _OTHER = ("haswell", "+avx2,+avx,+fma,+sse4.2"), ("generic", "")
# Linux calls the machine x86_64, Windows calls it AMD64.
_NAME, _FEATURES = {"x86_64": _X86_64, "AMD64": _X86_64}.get(platform.machine(), _OTHER)

_PACKAGE = Path(__file__).parents[1]
# The compiled modules, and the constants that are compiled into them. Numba does not notice when a constant changes.
_SOURCES = ("training/compiled.py", "training/distortion.py", "training/lenet_1998/*.py", "network/lenet_1998.py")


class ContentCacheLocator(UserProvidedCacheLocator):
    """Make Numba put compiled code directly into the cache folder, without a subfolder for each checkout.

    The cache folder's name contains the digest of the sources, so checkouts with equal sources can share compiled code.
    """

    @classmethod
    def get_suitable_cache_subpath(cls, py_file: str) -> str:
        return ""


def _cache_folder() -> Path:
    """Return the folder for compiled code.

    The folder is in ~/.cache/lenet-lab. If two checkouts of this user have equal sources, they share the folder. But if
    ~/.cache/lenet-lab is not writable, or other users can access it, the folder is in this checkout's `__pycache__`.
    """
    shared = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "lenet-lab"
    return (shared if _ensure_private(shared) else Path(__file__).parent / "__pycache__") / f"numba-{_digest()}"


def _ensure_private(folder: Path) -> bool:
    """Create the folder if it is missing. Return whether this user can write to it and no other user can access it.

    The folder is for compiled code. Code that other users can change must not be run.
    """
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        status = folder.stat()
    except OSError:
        return False
    return status.st_uid == os.getuid() and not status.st_mode & 0o077 and os.access(folder, os.W_OK)


def _digest() -> str:
    """Return a digest of everything that decides the compiled code: sources, versions, target processor."""
    digest = hashlib.sha256(repr((numba.__version__, llvmlite.__version__, _NAME, _FEATURES)).encode())
    for pattern in _SOURCES:
        for source in sorted(_PACKAGE.glob(pattern)):
            digest.update(source.read_bytes())
    return digest.hexdigest()[:16]


# Set Numba's options in the environment, not in numba.config: if one of Numba's variables changes, Numba reads the
# environment again when it compiles, and forgets what was set in numba.config. The user's own NUMBA_ variables are
# removed, so that they cannot change bits.
_CACHE = str(_cache_folder())
for _variable in [name for name in os.environ if name.startswith("NUMBA_")]:
    del os.environ[_variable]
os.environ |= {
    "NUMBA_CPU_NAME": _NAME,
    "NUMBA_CPU_FEATURES": _FEATURES,
    "NUMBA_CACHE_DIR": _CACHE,
    "NUMBA_CACHE_LOCATOR_CLASSES": f"{__name__}.{ContentCacheLocator.__name__}",
}
numba.config.reload_config()

kernel = numba.njit(error_model="numpy", cache=True)
# An inlined function is copied into its caller, so that a number of lanes that it gets as an argument stays a constant.
inlined = numba.njit(error_model="numpy", cache=True, inline="always")
