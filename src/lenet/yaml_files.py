"""A YAML file as plain mappings, lists and values, within limits, so that no file takes much memory or time to read."""

from functools import lru_cache
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError
from ruamel.yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode

from lenet.errors import LabError, in_one_line

# Far above what people write: params.yaml has 9,000 bytes, and 1,000 values where aliases count each time.
MOST_BYTES = 200_000
MOST_VALUES = 100_000
MOST_LEVELS = 50
MOST_CHARACTERS = 2_000  # of one value

# Not sets, whose order changes from process to process, nor what else YAML has tags for.
_KINDS = ("null", "bool", "int", "float", "str", "timestamp", "map", "seq", "merge")
_TAGS = {f"tag:yaml.org,2002:{kind}" for kind in _KINDS}


def read_yaml(path: Path, hint: str) -> Any:
    """Return what a YAML file holds; raise LabError where it is missing, invalid or beyond a limit.

    hint: what to do where it is missing.
    """
    content = _read(path, hint)
    try:
        return _parsed(content)
    except RecursionError:
        raise LabError(f"{path} is not valid: it is nested more than {MOST_LEVELS} levels deep") from None
    except (YAMLError, ValueError, LookupError) as error:
        raise LabError(f"{path} is not valid YAML: {in_one_line(error)}") from None


def _read(path: Path, hint: str) -> bytes:
    try:
        with open(path, "rb") as file:
            content = file.read(MOST_BYTES + 1)
    except FileNotFoundError:
        raise LabError(f"{path} is missing here ({Path.cwd()}): {hint}") from None
    except OSError as error:
        raise LabError(f"{path} cannot be read ({error.strerror}): {hint}") from None
    if len(content) > MOST_BYTES:
        raise LabError(f"{path} has more than {MOST_BYTES:,} bytes: make it smaller")
    return content


@lru_cache(maxsize=4)  # a command reads the same settings again and again
def _parsed(content: bytes) -> Any:
    yaml = YAML(typ="safe", pure=True)
    node = yaml.compose(content.decode("utf-8"))
    if node is None:
        return None
    _check(node)
    return yaml.constructor.construct_document(node)


def _check(root: Node) -> None:
    """Raise ValueError where a document is beyond a limit or a key is given twice; what an alias names counts anew."""
    reached = 0
    waiting = [(root, 1)]
    while waiting:
        node, level = waiting.pop()
        reached += 1
        if reached > MOST_VALUES:
            raise ValueError(f"more than {MOST_VALUES:,} values, where those that an alias names count each time")
        if level > MOST_LEVELS:
            raise ValueError(f"line {_line(node)}: nested more than {MOST_LEVELS} levels deep")
        if node.tag not in _TAGS:
            raise ValueError(f"line {_line(node)}: the tag {node.tag}: expected plain values, lists and mappings")
        if isinstance(node, ScalarNode) and len(node.value) > MOST_CHARACTERS:
            raise ValueError(f"line {_line(node)}: a value of more than {MOST_CHARACTERS:,} characters")
        waiting += [(child, level + 1) for child in _children(node)]


def _children(node: Node) -> list[Node]:
    if isinstance(node, SequenceNode):
        return list(node.value)
    if isinstance(node, MappingNode):
        _check_keys(node)
        return [child for pair in node.value for child in pair]
    return []


def _check_keys(mapping: MappingNode) -> None:
    # The loader refuses them too, but not beside a merge key: there the last one would count without a warning.
    seen = set()
    for key, _ in mapping.value:
        if not isinstance(key, ScalarNode):
            raise ValueError(f"line {_line(key)}: a list or a mapping is no key")
        if key.value in seen:
            raise ValueError(f"line {_line(key)}: the key {key.value} is given twice")
        seen.add(key.value)


def _line(node: Node) -> int:
    return int(node.start_mark.line) + 1
