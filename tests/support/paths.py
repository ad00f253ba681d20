"""The folder of the project, for all tests."""

from pathlib import Path

ROOT = Path(__file__).parents[2]
