"""Compare what Numba compiles for arm64 with x86-64, bit for bit, under an emulator.

`scripts/arm64.py distortion` distorts a hundred images on both: half a minute to two minutes.
`scripts/arm64.py kernels` lets the network of 1998 learn twenty images on both: 4 minutes, over twenty on a busy
machine, most of them to compile. Both first download an arm64 Python and its packages into .arm64/, if they are not
there; `scripts/arm64.py setup` does nothing else.
Needs Debian or Ubuntu on x86-64 with qemu-user, and no root rights.
"""

import argparse
import hashlib
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

CHECKOUT = Path(__file__).resolve().parent.parent
SOURCES = CHECKOUT / "src"
# apt adds what these depend on.
DEBIAN_PACKAGES = ("python3-minimal", "libpython3-stdlib", "libstdc++6")
# What distortion.py and sdlm.py import, directly or not; in the versions of requirements.lock.
PYTHON_PACKAGES = (
    "annotated-types",
    "llvmlite",
    "numba",
    "numpy",
    "pydantic",
    "pydantic-core",
    "ruamel-yaml",
    "typing-extensions",
    "typing-inspection",
)
GLIBC_TAGS = ("manylinux2014", "manylinux_2_17", "manylinux_2_27", "manylinux_2_28")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("case", choices=["setup", *CASES])
    parser.add_argument("--folder", type=Path, default=CHECKOUT / ".arm64", help="where the downloads are kept")
    parser.add_argument("--here", action="store_true", help="only print the digest of the result on this machine")
    arguments = parser.parse_args()
    if arguments.here:
        print(digest(arguments.case))
        return
    set_up(arguments.folder.resolve())
    if arguments.case != "setup":
        compare(arguments.case, arguments.folder.resolve())


def compare(case: str, folder: Path) -> None:
    """Run a case on both machines; end with status 1 where their results differ."""
    python = next((folder / "debian" / "usr" / "bin").glob("python3.[0-9]*"))
    emulated = ["qemu-aarch64", "-L", str(folder / "debian"), str(python)]
    there = printed(
        emulated, case, PYTHONPATH=f"{SOURCES}:{folder / 'packages'}", NUMBA_CACHE_DIR=str(folder / "numba")
    )
    here = printed([sys.executable], case, PYTHONPATH=str(SOURCES))
    print(f"{case}: arm64 {there}, x86-64 {here}")
    if there != here:
        sys.exit(f"error: {case} gives other bits on arm64 than on x86-64")


def printed(python: list[str], case: str, **environment: str) -> str:
    """Return the digest that a Python prints for a case."""
    command = [*python, __file__, case, "--here"]
    return subprocess.run(
        command, env=os.environ | environment, stdout=subprocess.PIPE, text=True, check=True
    ).stdout.strip()


def set_up(folder: Path) -> None:
    """Download and unpack the arm64 Python and its packages, unless they are there in the versions of the lock."""
    if missing := [name for name in ("apt-get", "dpkg", "qemu-aarch64") if not shutil.which(name)]:
        sys.exit(f"error: {', '.join(missing)} not found: this needs Debian or Ubuntu, and `apt-get install qemu-user`")
    ready, wanted = folder / "ready", requirements()
    if ready.is_file() and ready.read_text(encoding="utf-8") == wanted:
        return
    ready.unlink(missing_ok=True)
    for name in ("apt", "debian", "packages"):
        shutil.rmtree(folder / name, ignore_errors=True)
        (folder / name).mkdir(parents=True)
    unpack_debian(folder / "apt", folder / "debian")
    python = next((folder / "debian" / "usr" / "bin").glob("python3.[0-9]*"))
    install(wanted, python.name.removeprefix("python"), folder)
    ready.write_text(wanted, encoding="utf-8")


def requirements() -> str:
    """Return the part of requirements.lock that is needed, digests included."""
    entries = re.split(r"^(?=\w)", (CHECKOUT / "requirements.lock").read_text(encoding="utf-8"), flags=re.MULTILINE)
    found = [entry for entry in entries if entry.partition("==")[0] in PYTHON_PACKAGES]
    assert len(found) == len(PYTHON_PACKAGES), "requirements.lock lacks some of PYTHON_PACKAGES"
    return "".join(found)


def unpack_debian(apt: Path, root: Path) -> None:
    """Unpack arm64 packages. apt is given a state of its own in a folder, so that the system stays as it is."""
    for name in ("lists/partial", "archives/partial"):
        (apt / name).mkdir(parents=True)
    settings = {
        "APT::Architecture": "arm64",
        "APT::Architectures": "arm64",
        "APT::Sandbox::User": "",
        "Dir::State": apt,
        "Dir::State::status": "/dev/null",
        "Dir::Cache": apt,
    }
    options = [f"-o{name}={value}" for name, value in settings.items()]
    run("apt-get", *options, "-qq", "update")
    run("apt-get", *options, "-qq", "--yes", "--no-install-recommends", "--download-only", "install", *DEBIAN_PACKAGES)
    for package in sorted((apt / "archives").glob("*.deb")):
        run("dpkg", "-x", str(package), str(root))
    shutil.rmtree(apt)


def install(wanted: str, version: str, folder: Path) -> None:
    """Install the arm64 wheels of packages for a version of Python, as in "3.11"."""
    listed = folder / "requirements.txt"
    listed.write_text(wanted, encoding="utf-8")
    machine = [f"--platform={tag}_aarch64" for tag in GLIBC_TAGS]
    kind = ["--only-binary=:all:", "--implementation=cp", f"--python-version={version}", *machine]
    options = ["--quiet", "--no-deps", "--require-hashes", "--no-compile", f"--target={folder / 'packages'}"]
    run(sys.executable, "-m", "pip", "install", *options, *kind, f"--requirement={listed}")


def run(*command: str) -> None:
    if subprocess.run(command, stdout=sys.stderr).returncode:
        sys.exit(f"error: `{' '.join(command[:3])} …` failed, see above: the set-up needs a network")


def digest(case: str) -> str:
    return hashlib.sha256(CASES[case]()).hexdigest()[:16]


def distortion() -> bytes:
    """Return images distorted in every way at once."""
    import numpy as np

    from lenet.settings import load_settings
    from lenet.training.distortion import RANGES, distort

    ranges = dict(zip(RANGES, (2.0, 0.15, 0.1, 0.2, 0.15, 3.0), strict=True))
    settings = load_settings(CHECKOUT / "params.yaml").base.model_copy(update=ranges)
    # Random pixels show a change of a coordinate more than the smooth strokes of digits.
    images = np.random.default_rng(0).integers(0, 256, (100, 28, 28), np.uint8)
    return distort(images, settings, 0, 0, np.arange(len(images))).tobytes()


def kernels() -> bytes:
    """Return the curvatures, and the weights and distances after learning twenty images, with both losses."""
    import numpy as np

    from lenet.training.sdlm import Weights, curvatures, pass_over

    chance = np.random.default_rng(0)
    images = chance.integers(0, 256, (20, 28, 28), np.uint8)
    shapes = (5, 5, 1, 6), (6,), (6,), (6,), (5, 5, 60), (16,), (16,), (16,), (400, 120), (120,), (120, 84), (84,)
    # From integers, since NumPy's own floating-point numbers may be fused on arm64.
    weights = Weights(*((chance.integers(-1024, 1025, shape) / 4096).astype(np.float32) for shape in shapes))
    h = curvatures(weights, images)
    rates = Weights(*(np.float32(5e-4) / (np.float32(0.02) + h_kk) for h_kk in h))
    order = np.arange(len(images))
    results = [*h]
    for rubbish in (None, 10.0):
        learnt, distances = pass_over(weights, images, order % 10, order, rates, rubbish)
        results += [*learnt, distances]
    assert all(np.isfinite(array).all() for array in results)
    return b"".join(array.tobytes() for array in results)


CASES = {"distortion": distortion, "kernels": kernels}

if __name__ == "__main__":
    main()
