"""Edit params.yaml in tests."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML

# The section `comparison` of a study of two variants, tanh_sgd and relu_adam.
COMPARED = {
    "primary": [],
    "original": None,
    "ladder": ["tanh_sgd", "relu_adam"],
    "factorial": [],
    "published": {},
    "sweeps": [],
}


@contextmanager
def edit_params(path: Path = Path("params.yaml")) -> Iterator[dict[str, Any]]:
    """Yield the content as a mapping. At the end of the block, write it back with its comments."""
    yaml = YAML(typ="rt", pure=True)
    yaml.width = 1000  # a long line stays one line
    yaml.preserve_quotes = True
    params = yaml.load(path.read_text(encoding="utf-8"))
    yield params
    with open(path, "w", encoding="utf-8") as file:
        yaml.dump(params, file)
