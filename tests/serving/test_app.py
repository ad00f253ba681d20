import http.client
import json
import threading
import time
import tracemalloc

import numpy as np
import pytest
import uvicorn
from hypothesis import given
from hypothesis import strategies as st
from support.fuzz import damaged, edited, result_or_refusal
from support.servers import free_port

from lenet.serving import app
from lenet.serving.app import RefusedError, read_digits

DIGIT = [[0] * 28 for _ in range(28)]


def body(*digits):
    return json.dumps({"inputs": digits}).encode()


def with_pixel(value):
    """A digit whose fourth pixel of the third row is that."""
    digit = [list(row) for row in DIGIT]
    digit[2][3] = value
    return digit


def test_digits_of_integers_from_0_to_255_are_read():
    digits = read_digits(body(with_pixel(0), with_pixel(255)))
    assert (digits.shape, digits.dtype, digits[1, 2, 3], digits.sum()) == ((2, 28, 28), np.uint8, 255, 255)


EXPECTED = r": expected .* of 1 to 1000 digits, each 28 rows of 28 integers from 0 \(background\) to 255$"


@pytest.mark.parametrize("pixel", [-1, 256, 0.5, "7", None, True, float("nan")])
def test_a_pixel_that_is_none_is_named_with_its_place(pixel):
    with pytest.raises(RefusedError, match=r"^inputs\[1\]\[2\]\[3\] is .*" + EXPECTED):
        read_digits(body(DIGIT, with_pixel(pixel)))


@pytest.mark.parametrize(
    ("digit", "where"),
    [
        (DIGIT[:27], r"inputs\[0\] is \[\[0, 0, .*…"),
        ([*DIGIT[:5], [0] * 29, *DIGIT[6:]], r"inputs\[0\]\[5\] is \[0, 0, .*…"),
        ("a digit", r'inputs\[0\] is "a digit"'),
    ],
)
def test_a_digit_of_another_shape_is_refused(digit, where):
    with pytest.raises(RefusedError, match=f"^{where}{EXPECTED}"):
        read_digits(body(digit))


@pytest.mark.parametrize(
    ("sent", "message"),
    [
        (b"a digit", "^the body is not JSON "),
        (b"\xff\xfe{", "^the body is not JSON "),
        (b"[" * 100_000, "^the body is not JSON "),
        (b"[]", r"^the body is \[\]: expected "),
        (b'{"digits": []}', r'^the body is \{"digits": \[\]\}: expected '),
        (b'{"inputs": [], "params": {}}', r'^the body is \{"inputs": \[\], "params": \{\}\}: expected '),
        (b'{"inputs": []}', r"^inputs is \[\]: expected "),
    ],
)
def test_what_is_no_list_of_digits_is_refused_with_what_was_expected(sent, message):
    with pytest.raises(RefusedError, match=message):
        read_digits(sent)


# Digits of more or fewer rows, all alike, of more or fewer pixels, all alike.
SHAPES = st.builds(
    lambda pixel, width, height, count: body(*[[[pixel] * width] * height] * count),
    st.integers(-1, 256),
    st.integers(27, 29),
    st.integers(27, 29),
    st.integers(0, 3),
)
BODIES = st.one_of(
    SHAPES,
    damaged(body(DIGIT)),
    edited({"inputs": [DIGIT]}).map(json.dumps).map(str.encode),
    st.text('[]{}",:0123456789.eE+-truefalsn inputs\\u', max_size=60).map(str.encode),
    st.binary(max_size=60),
)


@given(BODIES)
def test_whatever_is_posted_is_digits_or_refused_in_one_line(sent):
    digits, refusal = result_or_refusal(RefusedError, read_digits, sent)
    if refusal:
        assert len(refusal) < 400
    else:
        assert json.loads(sent) == {"inputs": digits.tolist()}


def test_of_many_mistakes_the_first_is_told_and_no_list_of_all_is_made():
    wrong = [[[-1] * 28] * 28] * 200
    started = tracemalloc.start() or tracemalloc.get_traced_memory()[0]
    with pytest.raises(RefusedError, match=r"^inputs\[0\]\[0\]\[0\] is -1: "):
        read_digits(body(*wrong))
    most = tracemalloc.get_traced_memory()[1] - started
    tracemalloc.stop()
    assert most < 20_000_000


@pytest.fixture(scope="module")
def port():
    """The port of an app that reads each digit as a 3, slowly where the first pixel says so."""

    def predict(digits):
        time.sleep(digits[0, 0, 0] / 100)
        return np.eye(10, dtype=np.float32)[[3] * len(digits)]

    port = free_port()
    server = uvicorn.Server(uvicorn.Config(app.make_app(predict), port=port, log_level="critical"))
    thread = threading.Thread(target=server.run)
    thread.start()
    while not server.started:
        time.sleep(0.01)
    yield port
    server.should_exit = True
    thread.join()


def ask(port, method, path, sent=b"", **headers):
    """Send exactly these headers; return the answer's status and text."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    connection.putrequest(method, path, skip_host="Host" in headers, skip_accept_encoding=True)
    for name, value in headers.items():
        connection.putheader(name.replace("_", "-"), value)
    connection.endheaders(sent)
    answer = connection.getresponse()
    text = answer.read().decode()
    connection.close()
    return answer.status, text


def post(port, sent, **headers):
    usual = {"Content_Type": "application/json", "Content_Length": str(len(sent))}
    return ask(port, "POST", "/invocations", sent, **(usual | headers))


def test_a_thousand_digits_are_answered_with_probabilities(port):
    status, text = post(port, body(*[[[255] * 28] * 28] * 1000))
    assert (status, json.loads(text)) == (200, {"predictions": [[0.0] * 3 + [1.0] + [0.0] * 6] * 1000})


@pytest.mark.parametrize(
    "headers",
    [
        {"Content_Type": "Application/JSON; charset=utf-8"},
        {"Host": "127.0.0.1", "Origin": "http://127.0.0.1:5001"},
        {"Host": "localhost:5001", "Origin": "http://localhost:8000"},
    ],
)
def test_requests_of_this_machine_pass(port, headers):
    assert post(port, body(DIGIT), **headers)[0] == 200


@pytest.mark.parametrize(
    ("headers", "status", "message"),
    [
        ({"Host": "evil.example:5001"}, 403, "host evil.example:5001: expected 127.0.0.1 or localhost"),
        ({"Host": "127.0.0.1.evil.example"}, 403, "host 127.0.0.1.evil.example: expected "),
        ({"Host": "evil.example@127.0.0.1"}, 403, "host evil.example@127.0.0.1: expected "),
        ({"Origin": "https://evil.example"}, 403, "origin https://evil.example: expected http://127.0.0.1 or "),
        ({"Origin": "null"}, 403, "origin null: expected "),
        ({"Content_Length": "5000001"}, 413, "content length 5,000,001: expected at most 5,000,000 bytes"),
        ({"Transfer_Encoding": "chunked"}, 411, "transfer encoding chunked: expected a content length"),
        ({"Content_Type": "text/csv"}, 400, "content type text/csv: expected application/json"),
        ({"Content_Type": ""}, 400, "content type missing: expected application/json"),
    ],
)
def test_requests_for_another_name_of_other_pages_too_long_or_of_other_types_are_refused(
    port, headers, status, message
):
    answered, text = post(port, b"{}", **headers)
    assert answered == status
    assert json.loads(text)["message"].startswith(message)


def test_the_app_gives_up_after_a_time(port, monkeypatch):
    monkeypatch.setattr(app, "TIME_LIMIT_S", 0.05)
    slow = [[50, *DIGIT[0][1:]], *DIGIT[1:]]
    status, text = post(port, body(slow))
    assert (status, "not answered in 0.05 s" in text) == (503, True)


def test_the_app_is_alive_and_names_pages_that_are_not_here(port, tmp_path):
    assert ask(port, "GET", "/ping") == (200, "\n")
    assert ask(port, "GET", "/elsewhere")[0] == 404
