"""Random damage, for tests by Hypothesis: of bytes, and of what JSON holds."""

import copy

from hypothesis import assume
from hypothesis import strategies as st

VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-3, 70_000)
    | st.integers(-(10**40), 10**40)
    | st.floats()
    | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=5) | st.dictionaries(st.text(max_size=8), inner, max_size=5),
    max_leaves=10,
)


@st.composite
def damaged(draw, content):
    """Bytes that differ from those given: a bit is flipped, or a piece is lost, new, or replaced."""
    if draw(st.booleans()):
        place, bit = draw(st.integers(0, len(content) - 1)), draw(st.integers(0, 7))
        return content[:place] + bytes([content[place] ^ 1 << bit]) + content[place + 1 :]
    start = draw(st.integers(0, len(content)))
    end = draw(st.sampled_from([start, min(start + 8, len(content)), len(content)]))
    changed = content[:start] + draw(st.binary(max_size=12)) + content[end:]
    assume(changed != content)
    return changed


@st.composite
def edited(draw, value):
    """Nested lists and mappings with one to three edits: another value, a key renamed, an entry lost or new."""
    whole = [copy.deepcopy(value)]
    for _ in range(draw(st.integers(1, 3))):
        section, key = whole, 0
        while draw(st.integers(0, 5)) and isinstance(section[key], list | dict) and section[key]:
            section = section[key]
            key = draw(st.sampled_from(list(section) if isinstance(section, dict) else range(len(section))))
        edit = draw(st.sampled_from(["replace", "replace", "lose", "rename", "add"]))
        if edit == "replace" or section is whole:
            section[key] = draw(VALUES)
        elif edit == "lose":
            del section[key]
        elif isinstance(section, list):
            section.insert(key, draw(VALUES))
        else:
            section[draw(st.text(max_size=8))] = section.pop(key) if edit == "rename" else draw(VALUES)
    return whole[0]


def result_or_refusal(kind, function, *arguments):
    """Return what a function returns and None, or None and the one line of an error of that kind."""
    try:
        return function(*arguments), None
    except kind as error:
        line = str(error)
    assert len(line.splitlines()) == 1
    return None, line
