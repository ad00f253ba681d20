import json

from lenet.report.embedded import as_json


def test_json_ends_no_script_and_is_read_back_as_it_was():
    value = {"b": "</script>", "a": [1, 0.5, None]}
    text = as_json(value)
    assert "<" not in text
    assert json.loads(text) == value


def test_equal_values_give_equal_text_whatever_their_order():
    assert as_json({"a": 1, "b": 2}) == as_json({"b": 2, "a": 1})
