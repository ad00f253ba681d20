"""The digest follows what code does, not how it is laid out or what is said about it."""

import shutil
import subprocess
import sys
import textwrap

import pytest
from support.paths import ROOT

from lenet.runs.meaning import digest_of_meaning

CODE = '''
"""A module."""

from math import tanh


class Unit:
    """A unit."""

    def __init__(self, weight):
        self.weight = weight  # its only one

    async def answer(self, x: float) -> float:
        """Answer."""
        return tanh(self.weight * x + 0.5)
'''


def meaning(*replacement):
    old, new = replacement
    assert old in CODE
    return digest_of_meaning(CODE.replace(old, new))


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("  # its only one", ""),
        ('"""A module."""', '"""A module, described anew."""'),
        ('        """Answer."""\n', ""),
        ("tanh(self.weight * x + 0.5)", "tanh(\n            self.weight * x\n            + 0.5\n        )"),
        ("self.weight * x + 0.5", "((self.weight * x) + 0.50)"),
    ],
    ids=["comment", "docstring", "no docstring", "layout", "parentheses"],
)
def test_what_is_said_about_code_does_not_count(old, new):
    assert meaning(old, new) == digest_of_meaning(CODE)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("0.5", "0.25"),
        ("0.5", "'0.5'"),
        ("self.weight * x", "x * self.weight"),
        ("(self.weight * x + 0.5)", "(self.weight * (x + 0.5))"),
        ("async def", "def"),
        ("tanh", "sinh"),
        ("x: float)", "x: float = 0)"),
        ("weight):", "weight, /):"),
        ('        """Answer."""\n', '        "not a docstring".upper()\n'),
    ],
)
def test_what_code_does_counts(old, new):
    assert meaning(old, new) != digest_of_meaning(CODE)


@pytest.mark.slow
@pytest.mark.parametrize("python", ["python3.11", "python3.12", "python3.13"])
def test_another_python_finds_the_same_digest_for_every_module(python):
    if not shutil.which(python) or subprocess.run([python, "-c", ""], capture_output=True).returncode:
        pytest.skip(f"{python} is not here")
    program = textwrap.dedent(
        """
        import importlib.util, sys
        from pathlib import Path

        package = Path(sys.argv[1])
        spec = importlib.util.spec_from_file_location("meaning", package / "runs/meaning.py")
        meaning = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(meaning)
        for path in sorted(package.rglob("*.py")):
            print(path, meaning.digest_of_meaning(path.read_text(encoding="utf-8")))
        """
    )
    here, there = (
        subprocess.run([each, "-c", program, ROOT / "src/lenet"], capture_output=True, text=True, check=True).stdout
        for each in (sys.executable, python)
    )
    assert there == here
