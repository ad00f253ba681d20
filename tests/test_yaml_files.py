"""A YAML file is read whole or refused in one line, whatever is in it; limits keep memory and time in bounds."""

import re
import tracemalloc
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.fuzz import damaged, result_or_refusal
from support.paths import ROOT

from lenet.errors import LabError
from lenet.yaml_files import MOST_BYTES, read_yaml


@pytest.fixture(autouse=True)
def _in_an_empty_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


def read(content):
    path = Path("some.yaml")
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return read_yaml(path, "write one")


def complaint(content):
    with pytest.raises(LabError) as caught:
        read(content)
    message = str(caught.value)
    assert message.startswith("some.yaml ")
    assert len(message.splitlines()) == 1
    return message


def bomb(levels, width=2, merged=False):
    """Lists of lists, or mappings merged into mappings, that double at each level, though the text grows by a line."""
    use = "  <<: [{}]" if merged else "  - [{}]"
    lines = ["l0: &l0\n  k: 0"]
    lines += [f"l{n}: &l{n}\n" + use.format(", ".join([f"*l{n - 1}"] * width)) for n in range(1, levels)]
    return "\n".join(lines) + "\n"


def test_aliases_and_merge_keys_give_what_they_name():
    text = "a: &a {x: 1, y: 2}\nb: {<<: *a, y: 3}\nc: &c {<<: *a, z: 4}\nd: {<<: [*c, *a], x: 0}\ne: [*a, *a]\n"
    assert read(text) == {
        "a": {"x": 1, "y": 2},
        "b": {"x": 1, "y": 3},
        "c": {"x": 1, "y": 2, "z": 4},
        "d": {"x": 0, "y": 2, "z": 4},
        "e": [{"x": 1, "y": 2}] * 2,
    }


def test_the_committed_files_are_far_within_the_limits():
    for path in (ROOT / "params.yaml", *(ROOT / "sweeps").glob("*/sweep.yaml")):
        assert path.stat().st_size < MOST_BYTES / 10
        assert read_yaml(path, "")


def test_a_study_of_two_hundred_variants_may_be_written():
    base = "base: &base\n" + "".join(f"  setting_{n}: {n}\n" for n in range(30))
    assert len(read(base + "variants:\n" + "".join(f"  v{n}:\n    <<: *base\n    own: 1\n" for n in range(200)))) == 2


@pytest.mark.parametrize(
    "text",
    [bomb(40), bomb(30, 9), bomb(40, merged=True), bomb(200)],
    ids=["lists", "wide lists", "merge keys", "many levels"],
)
def test_aliases_that_unfold_without_end_are_refused_before_they_do(text):
    assert len(text) < 10_000
    tracemalloc.start()
    try:
        assert re.search(r"more than (100,000 values|50 levels deep)", complaint(text))
        assert tracemalloc.get_traced_memory()[1] < 20_000_000
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize("text", ["&a [*a]", "a: &a\n  b: *a\n", "a: &a\n  <<: *a\n"])
def test_what_contains_itself_is_refused(text):
    assert "levels deep" in complaint(text)


@pytest.mark.parametrize(
    "text",
    ["[" * 300 + "]" * 300, "{a: " * 10_000, "- " * 10_000, "[? " * 10_000, "[" * 60 + "]" * 60],
    ids=["lists", "mappings", "items", "keys", "a little too deep"],
)
def test_what_is_nested_too_deep_is_refused(text):
    assert "nested more than 50 levels deep" in complaint(text)


@pytest.mark.parametrize(
    "value",
    ["x" * 10_000, "0x" + "f" * 10_000, "1" * 10_000, "1_" * 5000 + "1"],
    ids=["text", "hexadecimal", "decimal", "underscores"],
)
def test_a_value_too_long_is_refused_with_its_line(value):
    assert "line 2: a value of more than 2,000 characters" in complaint(f"a: 1\nabout: {value}\n")


@pytest.mark.parametrize(
    "content", [b"about: " + b"x" * 10_000_000, b"seeds: [" + b"1," * 1_000_000 + b"1]"], ids=["text", "list"]
)
def test_a_file_too_large_is_refused_without_being_read(content):
    Path("some.yaml").write_bytes(content)
    tracemalloc.start()
    try:
        with pytest.raises(LabError, match=r"^some\.yaml has more than 200,000 bytes: make it smaller$"):
            read_yaml(Path("some.yaml"), "")
        assert tracemalloc.get_traced_memory()[1] < 2_000_000
    finally:
        tracemalloc.stop()


def test_a_file_without_an_end_is_refused():
    with pytest.raises(LabError, match=r"^/dev/zero has more than 200,000 bytes"):
        read_yaml(Path("/dev/zero"), "")


@pytest.mark.parametrize("content", [b"a: \0", b"\0", b"a: \x01", b"\xff\xfea", b"a: \xed\xa0\x80", b"a: \xc3"])
def test_what_is_no_text_is_refused(content):
    assert complaint(content).startswith("some.yaml is not valid YAML: ")


@pytest.mark.parametrize(
    "text", ["!!int ", "!!float ", "!!int x", "!!bool x", "!!timestamp x", "!!python/name:os.system x"]
)
def test_a_tag_that_its_value_does_not_suit_is_refused(text):
    assert complaint(f"a: {text}").startswith("some.yaml is not valid YAML: ")


@pytest.mark.parametrize("text", ["!!set {x, y}", "!!omap [x: 1]", "!!binary eA==", "!!pairs [x: 1]", "!mine x"])
def test_what_json_would_not_have_is_refused(text):
    assert "expected plain values, lists and mappings" in complaint(f"a: {text}")


@pytest.mark.parametrize("text", ["? [a]\n: b", "? {a: 1}\n: b"])
def test_a_key_that_is_no_plain_value_is_refused(text):
    assert "line 1: a list or a mapping is no key" in complaint(text)


def test_a_folder_is_refused():
    Path("some.yaml").mkdir()
    with pytest.raises(LabError, match=r"^some\.yaml cannot be read \(Is a directory\): write one$"):
        read_yaml(Path("some.yaml"), "write one")


def test_a_link_that_leads_to_itself_is_refused():
    Path("some.yaml").symlink_to("some.yaml")
    with pytest.raises(LabError, match=r"^some\.yaml cannot be read \(Too many levels of symbolic links\): write one$"):
        read_yaml(Path("some.yaml"), "write one")


def test_a_name_that_no_file_can_have_is_refused():
    with pytest.raises(LabError, match=r"cannot be read \(File name too long\)"):
        read_yaml(Path("x" * 300), "write one")


def test_a_key_given_twice_beside_a_merge_key_is_refused_wherever_it_is():
    assert "line 5: the key x is given twice" in complaint("a: &a {x: 1}\nb:\n- <<: *a\n  x: 2\n  x: 3\n")


# What YAML is made of, in any order.
TOKENS = [
    *"-?:,[]{}#&*!|>'\"%@` \n\t~=",
    "- ",
    ": ",
    "? ",
    "\n  ",
    "<<",
    "&a ",
    "*a",
    "&b ",
    "*b",
    "!!",
    "!!int ",
    "!!set",
]
TOKENS += ["!!float ", "!!omap", "!!binary ", "!!timestamp ", "!!bool ", "!!null ", "!!python/name:os.system ", "!x "]
TOKENS += [
    "---",
    "...",
    "%YAML 1.1",
    "null",
    "true",
    "0x1",
    "0o7",
    "1:30",
    "1e3",
    ".inf",
    ".nan",
    "2001-01-01",
    "a",
    "é",
    "\0",
]
SOME = b"a: &a {x: 1, y: [1, 2.5]}\nb:\n  <<: *a\n  z: 'text'\nc: |\n  lines\n  of text\nd: 2001-01-01\ne: !!int 3\n"


@pytest.mark.filterwarnings("ignore::ruamel.yaml.error.YAMLWarning")
@given(
    st.lists(st.sampled_from(TOKENS), max_size=25).map("".join).map(str.encode) | damaged(SOME) | st.binary(max_size=60)
)
def test_whatever_the_file_it_is_read_or_refused_in_one_line(content):
    Path("some.yaml").write_bytes(content)
    _, refusal = result_or_refusal(LabError, read_yaml, Path("some.yaml"), "")
    assert refusal is None or refusal.startswith("some.yaml ")
