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
    """Yield the content of params.yaml as a mapping.

    At the end of the `with` block, write the mapping back. The comments in the file are kept.
    """
    yaml = YAML(typ="rt", pure=True)
    yaml.width = 1000  # a long line stays one line
    yaml.preserve_quotes = True
    params = yaml.load(path.read_text(encoding="utf-8"))
    yield params
    with open(path, "w", encoding="utf-8") as file:
        yaml.dump(params, file)
