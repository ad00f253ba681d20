"""The lock: every package, and the same ones for each supported Python."""

import re
import subprocess
import sys

from packaging.requirements import Requirement
from support.paths import ROOT


def test_the_lock_names_every_package_that_another_one_needs():
    """The set-up resolves nothing, so that nobody would notice a missing package."""
    check = subprocess.run([sys.executable, "-m", "pip", "check"], capture_output=True, text=True)
    assert check.returncode == 0, check.stdout


def test_every_supported_python_gets_the_same_packages():
    lock = (ROOT / "requirements.lock").read_text(encoding="utf-8")
    requirements = [Requirement(line) for line in re.findall(r"^(\w.*) \\$", lock, flags=re.MULTILINE)]
    of_python = [
        {
            each.name: str(each.specifier)
            for each in requirements
            if each.marker is None or each.marker.evaluate({"python_full_version": f"{python}.0"})
        }
        for python in ("3.11", "3.12", "3.13")
    ]
    assert of_python[0] == of_python[1] == of_python[2]


def test_only_the_notes_on_where_a_run_was_trained_name_the_version_of_python():
    """They are not tracked, so that no tracked output depends on the interpreter."""
    asks = re.compile(r"sys\.(version|hexversion|implementation)|platform\.python_|sysconfig|cache_tag")
    code = (ROOT / "src/lenet").rglob("*.py")
    asking = [path.name for path in code if asks.search(path.read_text(encoding="utf-8"))]
    assert asking == ["provenance.py"]
