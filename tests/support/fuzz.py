"""Random damage to bytes and to the values of JSON, for tests with Hypothesis."""

import copy

from hypothesis import assume
from hypothesis import strategies as st

JSON_VALUES = st.recursive(
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
    """Draw bytes that differ from `content`: one bit is flipped, or a part is removed, inserted or replaced."""
    if draw(st.booleans()):
        index, bit = draw(st.integers(0, len(content) - 1)), draw(st.integers(0, 7))
        return content[:index] + bytes([content[index] ^ 1 << bit]) + content[index + 1 :]
    start = draw(st.integers(0, len(content)))
    end = draw(st.sampled_from([start, min(start + 8, len(content)), len(content)]))
    changed = content[:start] + draw(st.binary(max_size=12)) + content[end:]
    assume(changed != content)
    return changed


@st.composite
def edited(draw, value):
    """Draw a copy of `value` with one to three edits: a value replaced, a key renamed, an entry removed or added.

    value: nested lists and mappings.
    """
    whole = [copy.deepcopy(value)]
    for _ in range(draw(st.integers(1, 3))):
        section, key = whole, 0
        while draw(st.integers(0, 5)) and isinstance(section[key], list | dict) and section[key]:
            section = section[key]
            key = draw(st.sampled_from(list(section) if isinstance(section, dict) else range(len(section))))
        edit = draw(st.sampled_from(["replace", "replace", "remove", "rename", "add"]))
        if edit == "replace" or section is whole:
            section[key] = draw(JSON_VALUES)
        elif edit == "remove":
            del section[key]
        elif isinstance(section, list):
            section.insert(key, draw(JSON_VALUES))
        else:
            section[draw(st.text(max_size=8))] = section.pop(key) if edit == "rename" else draw(JSON_VALUES)
    return whole[0]


def result_or_refusal(error_type, function, *arguments):
    """Call a function. Return (result, None), or (None, message) if the function raises an error of this type.

    Check that the message is one line.
    """
    try:
        return function(*arguments), None
    except error_type as error:
        message = str(error)
    assert len(message.splitlines()) == 1
    return None, message
