"""Run the real setup.sh as a person does, but install small local packages, so that no network is needed."""

import hashlib
import io
import os
import shutil
import subprocess
import sys
import tarfile
import zipfile

import pytest
from support.paths import ROOT

pytestmark = pytest.mark.slow

# A project with a finished wheel among its files. To "build" the project is to copy that wheel. This fails unless the
# locked setuptools is installed. In an isolated build, pip would look for a build tool that does not exist.
PYPROJECT = """
[build-system]
requires = ["a-tool-that-nobody-has"]
build-backend = "backend"
backend-path = ["."]
"""
BACKEND = """
import importlib.metadata, pathlib, shutil

def build_wheel(folder, *_):
    assert importlib.metadata.version("setuptools") == "7.0"
    (wheel,) = pathlib.Path().glob("*.whl")
    return pathlib.Path(shutil.copy(wheel, folder)).name

build_editable = build_wheel
"""


def wheel(name, version="1.0"):
    """Return the file name and the bytes of an empty wheel."""
    info = f"{name}-{version}.dist-info"
    files = {
        "METADATA": f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n",
        "WHEEL": "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
    }
    files["RECORD"] = "".join(f"{info}/{path},,\n" for path in (*files, "RECORD"))
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for path, content in files.items():
            archive.writestr(f"{info}/{path}", content)
    return f"{name}-{version}-py3-none-any.whl", buffer.getvalue()


def project(name):
    """Return the files of a project: {path: bytes}."""
    path, content = wheel(name)
    return {"pyproject.toml": PYPROJECT.encode(), "backend.py": BACKEND.encode(), path: content}


def source_distribution(name):
    """Return the file name and the bytes of a project's source distribution."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as archive:
        files = project(name) | {"PKG-INFO": f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n".encode()}
        for path, content in files.items():
            member = tarfile.TarInfo(f"{name}-1.0/{path}")
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))
    return f"{name}-1.0.tar.gz", buffer.getvalue()


@pytest.fixture
def checkout(tmp_path):
    """A project with the real setup.sh, and with a lock that names build tools and one more package.

    This package is published only as a source distribution, so setup.sh must build it.
    """
    packages = tmp_path / "packages"
    packages.mkdir()
    lock = ""
    for name, version, (path, content) in (
        ("from_source", "1.0", source_distribution("from_source")),
        ("setuptools", "7.0", wheel("setuptools", "7.0")),
        ("wheel", "1.0", wheel("wheel")),
    ):
        (packages / path).write_bytes(content)
        lock += f"{name}=={version} \\\n    --hash=sha256:{hashlib.sha256(content).hexdigest()}\n"
    folder = tmp_path / "a checkout"
    folder.mkdir()
    for path, content in project("lab").items():
        (folder / path).write_bytes(content)
    (folder / "requirements.lock").write_text(lock)
    shutil.copy(ROOT / "setup.sh", folder)
    return folder


def set_up(checkout, **environment):
    environment |= os.environ | {"PIP_NO_INDEX": "1", "PIP_FIND_LINKS": str(checkout.parent / "packages")}
    environment.pop("PYTHONPATH")
    return subprocess.run(["./setup.sh"], cwd=checkout, env=environment, capture_output=True, text=True)


def installed(checkout):
    environment = {name: value for name, value in os.environ.items() if not name.startswith("PIP_")}
    command = [checkout / ".venv/bin/python", "-m", "pip", "list", "--format=freeze"]
    pip_list = subprocess.run(command, env=environment, capture_output=True, text=True)
    return {line for line in pip_list.stdout.split() if not line.startswith("pip==")}


def test_a_changed_package_is_refused_and_set_up_then_finishes_with_the_locked_tools_in_any_environment(checkout):
    misleading = {"PYTHONHOME": "/nowhere", "PIP_USER": "1", "PIP_TARGET": str(checkout.parent / "target")}
    # pip is the last part of a new environment. If pip is missing, the environment's creation was interrupted.
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", ".venv"], cwd=checkout, check=True)
    (path,) = (checkout.parent / "packages").glob("from_source*")
    package = path.read_bytes()
    path.write_bytes(package + b"\0")
    refused = set_up(checkout, **misleading)
    assert refused.returncode == 1
    assert refused.stdout.startswith("Creating .venv")
    assert "THESE PACKAGES DO NOT MATCH THE HASHES" in refused.stderr
    assert not (checkout / ".venv/ready").exists()

    path.write_bytes(package)
    done = set_up(checkout, **misleading)
    assert done.returncode == 0, done.stderr
    assert installed(checkout) == {"from_source==1.0", "setuptools==7.0", "wheel==1.0", "lab==1.0"}
    assert (checkout / ".venv/ready").exists()
    (checkout / ".venv/mine").touch()
    done = set_up(checkout)
    assert (done.returncode, done.stdout) == (0, "")
    assert (checkout / ".venv/mine").exists()  # .venv was not created again
