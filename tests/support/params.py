"""How tests change settings: they edit params.yaml as YAML."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML

# What a study of two variants compares.
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
    """Yield the loaded mapping; write it back at the end of the block, its comments kept."""
    yaml = YAML(typ="rt", pure=True)
    yaml.width = 1000  # a long line stays one line
    yaml.preserve_quotes = True
    params = yaml.load(path.read_text(encoding="utf-8"))
    yield params
    with open(path, "w", encoding="utf-8") as file:
        yaml.dump(params, file)
