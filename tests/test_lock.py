"""requirements.lock names every package, with the same versions for each supported Python."""

import re
import subprocess
import sys

from packaging.requirements import Requirement
from support.paths import ROOT


def test_the_lock_names_every_package_that_another_one_needs():
    """setup.sh installs only packages that the lock names. If the lock lacks a package, only this test notices."""
    check = subprocess.run([sys.executable, "-m", "pip", "check"], capture_output=True, text=True)
    assert check.returncode == 0, check.stdout


def test_every_supported_python_gets_the_same_packages():
    lock = (ROOT / "requirements.lock").read_text(encoding="utf-8")
    requirements = [Requirement(line) for line in re.findall(r"^(\w.*) \\$", lock, flags=re.MULTILINE)]
    packages = [
        {
            requirement.name: str(requirement.specifier)
            for requirement in requirements
            if requirement.marker is None or requirement.marker.evaluate({"python_full_version": f"{python}.0"})
        }
        for python in ("3.11", "3.12", "3.13")
    ]
    assert packages[0] == packages[1] == packages[2]


def test_only_the_module_provenance_reads_the_python_version():
    """The module `provenance` writes the Python version to provenance.json and to no other file.

    Neither git nor DVC tracks provenance.json. So no tracked output depends on the Python version.
    """
    reads_version = re.compile(r"sys\.(version|hexversion|implementation)|platform\.python_|sysconfig|cache_tag")
    code = (ROOT / "src/lenet").rglob("*.py")
    readers = [path.name for path in code if reads_version.search(path.read_text(encoding="utf-8"))]
    assert readers == ["provenance.py"]
