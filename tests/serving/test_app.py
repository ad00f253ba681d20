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
from lenet.serving.app import RefusedError, read_images

IMAGE = [[0] * 28 for _ in range(28)]


def body(*images):
    return json.dumps({"inputs": images}).encode()


def image_with_pixel(value):
    """Return an image with this value in row 2, column 3, and 0 elsewhere."""
    image = [list(row) for row in IMAGE]
    image[2][3] = value
    return image


def test_images_of_integers_from_0_to_255_are_read():
    images = read_images(body(image_with_pixel(0), image_with_pixel(255)))
    assert (images.shape, images.dtype, images[1, 2, 3], images.sum()) == ((2, 28, 28), np.uint8, 255, 255)


EXPECTED = r": expected .* of 1 to 1000 images, each 28 rows of 28 integers from 0 \(background\) to 255$"


@pytest.mark.parametrize("pixel", [-1, 256, 0.5, "7", None, True, float("nan")])
def test_an_invalid_pixel_is_refused_with_its_value_and_position(pixel):
    with pytest.raises(RefusedError, match=r"^inputs\[1\]\[2\]\[3\] is .*" + EXPECTED):
        read_images(body(IMAGE, image_with_pixel(pixel)))


@pytest.mark.parametrize(
    ("image", "place"),
    [
        (IMAGE[:27], r"inputs\[0\] is \[\[0, 0, .*…"),
        ([*IMAGE[:5], [0] * 29, *IMAGE[6:]], r"inputs\[0\]\[5\] is \[0, 0, .*…"),
        ("a digit", r'inputs\[0\] is "a digit"'),
    ],
)
def test_an_image_of_the_wrong_shape_is_refused(image, place):
    with pytest.raises(RefusedError, match=f"^{place}{EXPECTED}"):
        read_images(body(image))


@pytest.mark.parametrize(
    ("request_body", "message"),
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
def test_a_body_that_is_not_a_list_of_images_is_refused_with_the_expected_format(request_body, message):
    with pytest.raises(RefusedError, match=message):
        read_images(request_body)


# Bodies with up to three images of about 28 × 28 pixels. All pixels of a body have the same value.
SHAPES = st.builds(
    lambda pixel, width, height, count: body(*[[[pixel] * width] * height] * count),
    st.integers(-1, 256),
    st.integers(27, 29),
    st.integers(27, 29),
    st.integers(0, 3),
)
BODIES = st.one_of(
    SHAPES,
    damaged(body(IMAGE)),
    edited({"inputs": [IMAGE]}).map(json.dumps).map(str.encode),
    st.text('[]{}",:0123456789.eE+-truefalsn inputs\\u', max_size=60).map(str.encode),
    st.binary(max_size=60),
)


@given(BODIES)
def test_any_body_is_read_exactly_or_refused_in_one_line(request_body):
    images, refusal = result_or_refusal(RefusedError, read_images, request_body)
    if refusal:
        assert len(refusal) < 400
    else:
        assert json.loads(request_body) == {"inputs": images.tolist()}


def test_only_the_first_of_many_mistakes_is_reported_and_memory_stays_small():
    wrong_images = [[[-1] * 28] * 28] * 200
    bytes_before = tracemalloc.start() or tracemalloc.get_traced_memory()[0]
    with pytest.raises(RefusedError, match=r"^inputs\[0\]\[0\]\[0\] is -1: "):
        read_images(body(*wrong_images))
    peak_bytes = tracemalloc.get_traced_memory()[1] - bytes_before
    tracemalloc.stop()
    assert peak_bytes < 20_000_000


@pytest.fixture(scope="module")
def port():
    """The port of a running app that predicts the class 3 for each image.

    The app waits before each answer. The first pixel of the first image is the delay in hundredths of a second.
    """

    def predict(images):
        time.sleep(images[0, 0, 0] / 100)
        return np.eye(10, dtype=np.float32)[[3] * len(images)]

    port = free_port()
    server = uvicorn.Server(uvicorn.Config(app.make_app(predict), port=port, log_level="critical"))
    thread = threading.Thread(target=server.run)
    thread.start()
    while not server.started:
        time.sleep(0.01)
    yield port
    server.should_exit = True
    thread.join()


def send_request(port, method, path, request_body=b"", **headers):
    """Send a request with exactly these headers. Return the response's status and text."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    connection.putrequest(method, path, skip_host="Host" in headers, skip_accept_encoding=True)
    for name, value in headers.items():
        connection.putheader(name.replace("_", "-"), value)
    connection.endheaders(request_body)
    response = connection.getresponse()
    text = response.read().decode()
    connection.close()
    return response.status, text


def post(port, request_body, **headers):
    default_headers = {"Content_Type": "application/json", "Content_Length": str(len(request_body))}
    return send_request(port, "POST", "/invocations", request_body, **(default_headers | headers))


def test_the_app_returns_the_probabilities_of_a_thousand_images(port):
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
def test_requests_from_this_machine_are_answered(port, headers):
    assert post(port, body(IMAGE), **headers)[0] == 200


@pytest.mark.parametrize(
    ("headers", "status", "message"),
    [
        ({"Host": "evil.example:5001"}, 403, "host evil.example:5001: expected 127.0.0.1 or localhost"),
        ({"Host": "127.0.0.1.evil.example"}, 403, "host 127.0.0.1.evil.example: expected "),
        ({"Host": "evil.example@127.0.0.1"}, 403, "host evil.example@127.0.0.1: expected "),
        ({"Origin": "https://evil.example"}, 403, "origin https://evil.example: expected http://127.0.0.1 or "),
        ({"Origin": "null"}, 403, "origin null: expected "),
        ({"Content_Length": "5000001"}, 413, "content length 5,000,001: expected at most 5,000,000 bytes"),
        ({"Transfer_Encoding": "chunked"}, 411, "transfer encoding chunked is not accepted: send a content length"),
        ({"Content_Type": "text/csv"}, 400, "content type text/csv: expected application/json"),
        ({"Content_Type": ""}, 400, "content type missing: expected application/json"),
    ],
)
def test_requests_with_a_wrong_host_origin_length_or_type_are_refused(port, headers, status, message):
    response_status, text = post(port, b"{}", **headers)
    assert response_status == status
    assert json.loads(text)["message"].startswith(message)


def test_the_app_answers_with_status_503_after_the_time_limit(port, monkeypatch):
    monkeypatch.setattr(app, "TIME_LIMIT_S", 0.05)
    slow_image = [[50, *IMAGE[0][1:]], *IMAGE[1:]]
    status, text = post(port, body(slow_image))
    assert (status, "no answer within 0.05 s" in text) == (503, True)


def test_the_app_answers_a_ping_and_reports_an_unknown_page(port, tmp_path):
    assert send_request(port, "GET", "/ping") == (200, "\n")
    assert send_request(port, "GET", "/elsewhere")[0] == 404
