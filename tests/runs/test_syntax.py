"""The syntax digest depends on what code does, not on comments, docstrings or layout."""

import shutil
import subprocess
import sys
import textwrap

import pytest
from support.paths import ROOT

from lenet.runs.syntax import syntax_digest

CODE = '''
"""A module."""

from math import tanh


class Unit:
    """A unit."""

    def __init__(self, weight):
        self.weight = weight  # the only weight

    async def answer(self, x: float) -> float:
        """Answer."""
        return tanh(self.weight * x + 0.5)
'''


def digest_after_replacing(*replacement):
    old, new = replacement
    assert old in CODE
    return syntax_digest(CODE.replace(old, new))


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("  # the only weight", ""),
        ('"""A module."""', '"""A module, described anew."""'),
        ('        """Answer."""\n', ""),
        ("tanh(self.weight * x + 0.5)", "tanh(\n            self.weight * x\n            + 0.5\n        )"),
        ("self.weight * x + 0.5", "((self.weight * x) + 0.50)"),
    ],
    ids=["comment", "docstring", "no docstring", "layout", "parentheses"],
)
def test_comments_docstrings_and_layout_do_not_change_the_digest(old, new):
    assert digest_after_replacing(old, new) == syntax_digest(CODE)


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
def test_an_edit_of_what_the_code_does_changes_the_digest(old, new):
    assert digest_after_replacing(old, new) != syntax_digest(CODE)


@pytest.mark.slow
@pytest.mark.parametrize("python", ["python3.11", "python3.12", "python3.13"])
def test_other_versions_of_python_give_every_module_the_same_digest(python):
    if not shutil.which(python) or subprocess.run([python, "-c", ""], capture_output=True).returncode:
        pytest.skip(f"{python} is not installed")
    program = textwrap.dedent(
        """
        import importlib.util, sys
        from pathlib import Path

        package = Path(sys.argv[1])
        spec = importlib.util.spec_from_file_location("syntax", package / "runs/syntax.py")
        syntax = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(syntax)
        for path in sorted(package.rglob("*.py")):
            print(path, syntax.syntax_digest(path.read_text(encoding="utf-8")))
        """
    )
    digests_here, digests_there = (
        subprocess.run([command, "-c", program, ROOT / "src/lenet"], capture_output=True, text=True, check=True).stdout
        for command in (sys.executable, python)
    )
    assert digests_there == digests_here
