"""A YAML file is either read, or refused with a message of one line that says what is wrong and where."""

import pytest

from lenet.errors import LabError
from lenet.yaml_files import read_yaml


@pytest.fixture
def path(tmp_path):
    return tmp_path / "params.yaml"


def test_mappings_lists_and_values_are_read_and_an_alias_stands_for_its_anchor(path):
    path.write_text("a: &a {x: 1, y: [tanh, 0.5, true]}\nb: *a\n")
    expected = {"x": 1, "y": ["tanh", 0.5, True]}
    assert read_yaml(path, "") == {"a": expected, "b": expected}


def test_a_byte_order_mark_and_windows_line_ends_do_not_matter(path):
    path.write_bytes("a: é\r\nb: 2\r\n".encode("utf-8-sig"))
    assert read_yaml(path, "") == {"a": "é", "b": 2}


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"a: 1\nb: {c: 2,\n c: 3}\n", r", line 3: this key is given twice in one mapping: keep one of them$"),
        (b"a: [1\nb: 2\n", r", line 1 to 2: not valid YAML \(.*expected .*\): correct it$"),
        (
            b"a: 'b\nc: d\n",
            r", line 1 to 3: not valid YAML \(while scanning a quoted scalar found unexpected end of stream\)",
        ),
        (b"\ta: 1\n", r", line 1: not valid YAML \(.*\): correct it$"),
        (b"a: 2001-13-45\n", r" is not valid YAML: month must be in 1..12$"),
        (b"a: !!python/object:os.system x\n", r", line 1: not valid YAML \(could not determine a constructor"),
        (b"a: 1\nb: caf\xe9\n", r", line 2: not UTF-8: save the file in UTF-8$"),
        (b"a:\n<<<<<<< HEAD\n  1\n=======\n  2\n>>>>>>> b\n", r" has merge conflicts: keep one version of each"),
        (b"[" * 5000, r" is not valid YAML: maximum recursion depth"),
    ],
    ids=[
        "twice",
        "open bracket",
        "open quote",
        "tabulator",
        "no date",
        "tag that runs code",
        "Latin-1",
        "merge conflict",
        "too deep",
    ],
)
def test_an_invalid_file_is_refused_in_one_line(path, content, message):
    path.write_bytes(content)
    with pytest.raises(LabError, match=rf"^{path}{message}") as raised:
        read_yaml(path, "")
    assert "\n" not in str(raised.value)


def test_a_file_that_is_missing_or_cannot_be_read_is_refused_with_what_to_do(path):
    with pytest.raises(LabError, match=rf"^{path} is missing in /.*: run `this`$"):
        read_yaml(path, "run `this`")
    path.mkdir()
    with pytest.raises(LabError, match=rf"^{path} cannot be read \(Is a directory\): run `this`$"):
        read_yaml(path, "run `this`")
