import json

from lenet.report.embedded import as_json


def test_embedded_json_cannot_close_a_script_element_and_decodes_to_the_same_value():
    value = {"b": "</script>", "a": [1, 0.5, None]}
    text = as_json(value)
    assert "<" not in text
    assert json.loads(text) == value


def test_equal_values_give_equal_text_in_any_key_order():
    assert as_json({"a": 1, "b": 2}) == as_json({"b": 2, "a": 1})
