import json

import pytest

from lenet.serving.app import check_digits, check_type

DIGIT = [[0] * 28 for _ in range(28)]


def body(*digits):
    return json.dumps({"inputs": digits}).encode()


def with_pixel(value):
    """A digit whose fourth pixel of the third row is that."""
    digit = [list(row) for row in DIGIT]
    digit[2][3] = value
    return digit


def test_digits_of_integers_from_0_to_255_pass():
    check_digits(body(with_pixel(0), with_pixel(255)))


EXPECTED = r": expected .* of 1 to 1000 digits, each 28 rows of 28 integers from 0 \(background\) to 255$"


@pytest.mark.parametrize("pixel", [-1, 256, 0.5, "7", "seven", None, True, [0], float("nan")])
def test_a_pixel_that_is_none_is_named_with_its_place(pixel):
    with pytest.raises(ValueError, match=r"^inputs\[1\]\[2\]\[3\] is .*" + EXPECTED):
        check_digits(body(DIGIT, with_pixel(pixel)))


@pytest.mark.parametrize(
    ("digit", "where"),
    [
        (DIGIT[:27], r"inputs\[0\] is \[\[0, 0, .*…"),
        ([*DIGIT[:5], [0] * 29, *DIGIT[6:]], r"inputs\[0\]\[5\] is \[0, 0, .*…"),
        (DIGIT[0], r"inputs\[0\]\[\d+\] is 0"),
        ("a digit", r'inputs\[0\] is "a digit"'),
        ([], r"inputs\[0\] is \[\]"),
    ],
)
def test_a_digit_of_another_shape_is_refused(digit, where):
    with pytest.raises(ValueError, match=f"^{where}{EXPECTED}"):
        check_digits(body(digit))


@pytest.mark.parametrize(
    ("sent", "message"),
    [
        (b"a digit", "^the body is not JSON "),
        (b"", "^the body is not JSON "),
        (b"\xff\xfe{", "^the body is not JSON "),
        (b"[" * 100_000, "^the body is not JSON "),
        (b"null", "^the body is null: expected "),
        (b"[]", r"^the body is \[\]: expected "),
        (b'{"digits": []}', r'^the body is \{"digits": \[\]\}: expected '),
        (b'{"inputs": [], "params": {}}', r'^the body is \{"inputs": \[\], "params": \{\}\}: expected '),
        (b'{"inputs": []}', r"^inputs is \[\]: expected "),
        (b'{"inputs": {}}', r"^inputs is \{\}: expected "),
    ],
)
def test_what_is_no_list_of_digits_is_refused_with_what_was_expected(sent, message):
    with pytest.raises(ValueError, match=message):
        check_digits(sent)


@pytest.mark.parametrize("content_type", ["application/json", "Application/JSON; charset=utf-8"])
def test_jsons_content_type_passes(content_type):
    check_type(content_type)


@pytest.mark.parametrize("content_type", ["", "text/csv", "application/x-www-form-urlencoded"])
def test_another_content_type_is_refused(content_type):
    with pytest.raises(ValueError, match=f"^content type {content_type or 'missing'}: expected application/json$"):
        check_type(content_type)
