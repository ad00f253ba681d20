"""What a URL serves is read within limits, whatever the server does. More of what servers do is in test_mirrors.py."""

import gzip
import socket
import threading
import tracemalloc
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.fuzz import damaged, result_or_refusal
from support.http_sources import WAYS, certify, serving
from support.mirrors import dataset, folder, packed, refused, served_by, server, tiny  # noqa: F401

from lenet.mnist import mirrors, web
from lenet.mnist.web import SourceError


def test_of_an_answer_that_leads_elsewhere_nothing_is_read(dataset, server, tiny):
    tracemalloc.start()
    try:
        assert served_by(mirrors.from_mirror(server.url("moved-at-length")), dataset) == tiny
        assert tracemalloc.get_traced_memory()[1] < 16_000_000  # each has 64 million bytes
    finally:
        tracemalloc.stop()


@pytest.fixture
def secure(tiny, folder, monkeypatch):
    """A server of the files by HTTPS."""
    certify(folder / "certificate.pem")
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(folder / "certificate.pem"))
    with serving(tiny, folder / "certificate.pem") as running:
        yield running


@pytest.mark.parametrize("way", ["whole", "moved"])
def test_a_mirror_may_be_read_by_https(dataset, secure, tiny, way):
    assert served_by(mirrors.from_mirror(secure.url(way)), dataset) == tiny


def test_a_mirror_that_is_read_by_https_may_not_lead_to_one_that_is_not(dataset, secure, server, monkeypatch):
    def downgraded(handler, _):
        handler.send(b"", status=302, Location=server.url(handler.path.replace("/downgraded/", "whole/")))

    monkeypatch.setitem(WAYS, "downgraded", downgraded)
    with pytest.raises(SourceError, match="redirects are followed to https:// alone"):
        mirrors.from_mirror(secure.url("downgraded"))(dataset.files[0])
    assert server.asked == []


def test_a_mirror_of_ones_own_may_lead_to_one_that_is_read_by_https(dataset, secure, server, tiny, monkeypatch):
    def upgraded(handler, _):
        handler.send(b"", status=302, Location=secure.url(handler.path.replace("/upgraded/", "whole/")))

    monkeypatch.setitem(WAYS, "upgraded", upgraded)
    assert served_by(mirrors.from_mirror(server.url("upgraded")), dataset) == tiny


@pytest.fixture(scope="module")
def answering():
    """The port of a server that answers each connection with the bytes in a list, and hangs up; and that list."""
    answer, ended = [b""], threading.Event()
    with socket.create_server(("127.0.0.1", 0)) as listening:

        def serve():
            while not ended.is_set():
                connection, _ = listening.accept()
                with connection, suppress(OSError):
                    connection.recv(65536)
                    connection.sendall(answer[0])

        thread = threading.Thread(target=serve)
        thread.start()
        yield listening.getsockname()[1], answer
        ended.set()
        socket.create_connection(listening.getsockname()).close()
        thread.join()


ANSWER = b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Type: text/plain\r\n\r\nhello"
NAMES = [b"Content-Length", b"Content-Encoding", b"Transfer-Encoding", b"Set-Cookie", b"Location"]
CONTENTS = [b"5", b"-1", b"10000000000000", b"9" * 5000, b"gzip", b"chunked", b"/", b"ftp://[", b"http://a..b", b"\xff"]
HEADER_LINES = st.tuples(st.sampled_from(NAMES), st.sampled_from(CONTENTS)).map(b": ".join) | st.binary(max_size=30)
ANSWERS = st.builds(
    lambda status, headers, body: b"HTTP/1.1 %d X\r\n" % status + b"\r\n".join([*headers, b"", body]),
    st.sampled_from([100, 200, 200, 200, 206, 301, 302, 304, 404, 999]),
    st.lists(HEADER_LINES, max_size=4),
    st.binary(max_size=50) | st.binary(max_size=50).map(gzip.compress),
)


@given(answer=damaged(ANSWER) | ANSWERS | st.binary(max_size=80))
def test_whatever_a_server_answers_is_bounded_content_or_refused(answering, monkeypatch, answer):
    monkeypatch.setattr(web, "STALL_TIMEOUT_S", 1)
    port, answers = answering
    answers[0] = answer
    content, refusal = result_or_refusal(SourceError, web.fetch_url, f"http://127.0.0.1:{port}/file", 20)
    assert refusal or len(content) <= 20
