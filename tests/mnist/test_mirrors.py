"""The downloader against a real server, in all the ways in which it serves well, badly or never."""

import gzip
import hashlib
import signal
import socketserver
import ssl
import time
import tracemalloc
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.fuzz import damaged, result_or_refusal
from support.mirrors import (  # noqa: F401
    SLACK_S,
    Mirror,
    dataset,
    fill,
    folder,
    in_temporary_workspace,
    refused,
    running,
    server,
    tiny,
)
from werkzeug.serving import make_ssl_devcert

from lenet.errors import DataUnreachableError, LabError
from lenet.mnist import mirrors
from lenet.mnist.datasets import DATASETS, KnownFile
from lenet.mnist.mirrors import SourceError


def fetched(source, dataset):
    return {file.name: mirrors.fetch(source, file) for file in dataset.files}


# A mirror


@pytest.mark.parametrize("way", ["whole", "whole/", "uncompressed", "encoded", "moved"])
def test_a_mirror_may_send_its_files(dataset, server, tiny, way):
    assert fetched(server.url(way), dataset) == tiny


@pytest.mark.parametrize(
    ("source", "reason"),
    [
        ("{server}/cut-gzip", "train-images-idx3-ubyte has another SHA-256"),
        ("{server}/truncated", "78442 bytes read, 78442 more expected"),
        ("{refused}", "Connection refused"),
        ("http://mirror..example/mnist", "label empty or too long"),
        ("a-folder", "^/.*/a-folder is not there$"),
        ("params.yaml", r"^/.*/params\.yaml is a file: name its folder$"),
        (".", r"^no train-images-idx3-ubyte\.gz in /.*, but train-images\.idx3$"),
        ("~nobody-of-that-name/mnist", "Could not determine home directory"),
        ("ftp://mirror.example/mnist", "^expected a folder, or a URL that begins with https:// or http://$"),
    ],
)
def test_a_source_that_does_not_serve_a_file_is_refused_with_the_reason(
    dataset, folder, server, refused, source, reason
):
    (folder / "train-images.idx3").touch()
    with pytest.raises(SourceError, match=reason):
        mirrors.fetch(source.format(server=server.base_url, refused=refused), dataset.files[0])


@pytest.mark.parametrize(
    ("way", "refusal"),
    [
        ("endless", "sends more than the 157,840 bytes expected"),
        ("bomb", "has another SHA-256"),
        ("encoded-bomb", "has another SHA-256"),
        ("moved-at-length", None),  # 64 million bytes, beside the address
    ],
)
def test_no_mirror_fills_the_memory(dataset, server, way, refusal):
    mirrors.fetch(server.url("whole"), dataset.files[0])  # imports what it needs
    tracemalloc.start()
    try:
        _, reason = result_or_refusal(SourceError, mirrors.fetch, server.url(way), dataset.files[0])
        assert tracemalloc.get_traced_memory()[1] < 4_000_000  # a bomb has 8 million
    finally:
        tracemalloc.stop()
    assert reason is refusal or refusal in reason


@pytest.mark.parametrize(
    ("way", "limit", "reason"),
    [
        ("stall", "STALL_TIMEOUT_S", "TimeoutError: timed out"),
        ("drip", "SOURCE_TIMEOUT_S", r"not finished after 0\.4 s"),  # a byte now and then
    ],
)
def test_a_mirror_that_is_too_slow_is_given_up_and_its_alarm_with_it(dataset, server, monkeypatch, way, limit, reason):
    monkeypatch.setattr(mirrors, limit, 0.4)
    handler, start = signal.getsignal(signal.SIGALRM), time.monotonic()
    with pytest.raises(DataUnreachableError, match=f"{way}: {reason}"):
        mirrors.fetch_all(replace(dataset, mirrors=(server.url(way),)))
    assert 0.4 <= time.monotonic() - start < SLACK_S
    assert signal.getitimer(signal.ITIMER_REAL) == (0, 0)
    assert signal.getsignal(signal.SIGALRM) == handler


# HTTPS


@pytest.fixture
def secure(tiny, folder, monkeypatch):
    """A server of the files by HTTPS."""
    certificate, key = make_ssl_devcert(str(folder / "mirror"), cn="localhost")
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", certificate)
    mirror = Mirror(tiny, "https://localhost")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    mirror.socket = context.wrap_socket(mirror.socket, server_side=True)
    with running(mirror):
        yield mirror


def test_the_public_mirrors_are_read_by_https():
    assert all(address.startswith("https://") for each in DATASETS.values() for address in each.mirrors)


def test_a_mirror_may_be_read_by_https(dataset, secure, tiny):
    assert fetched(secure.url("moved"), dataset) == tiny


def test_a_mirror_that_is_read_by_https_may_not_lead_to_one_that_is_not(dataset, secure, server):
    secure.elsewhere = server.url("whole")
    with pytest.raises(SourceError, match="InvalidSchema: No connection adapters were found for 'http://"):
        mirrors.fetch(secure.url("elsewhere"), dataset.files[0])
    assert server.asked == []


# Random answers


class Answering(socketserver.BaseRequestHandler):
    """Answers each connection with the bytes that its server has, and hangs up."""

    def handle(self):
        self.request.recv(65536)
        self.request.sendall(self.server.answer)


@pytest.fixture(scope="module")
def answering():
    class Server(socketserver.ThreadingTCPServer):
        def handle_error(self, request, client_address):
            pass  # a client that hangs up

    with running(Server(("127.0.0.1", 0), Answering)) as server:
        yield server


PLAIN = bytes(range(20))
FILE = KnownFile("file", len(PLAIN), hashlib.sha256(PLAIN).hexdigest())
BODIES = st.sampled_from([PLAIN, gzip.compress(PLAIN)])
NAMES = [b"Content-Length", b"Content-Encoding", b"Transfer-Encoding", b"Set-Cookie", b"Location"]
CONTENTS = [b"20", b"-1", b"9" * 5000, b"gzip", b"chunked", b"/", b"ftp://[", b"http://a..b", b"\xff"]
HEADER_LINES = st.tuples(st.sampled_from(NAMES), st.sampled_from(CONTENTS)).map(b": ".join) | st.binary(max_size=30)
ANSWERS = st.builds(
    lambda status, headers, body: b"HTTP/1.1 %d X\r\n" % status + b"\r\n".join([*headers, b"", body]),
    st.sampled_from([100, 200, 200, 200, 206, 301, 302, 304, 404, 999]),
    st.lists(HEADER_LINES, max_size=4),
    BODIES | st.binary(max_size=50) | BODIES.flatmap(damaged),
)


@given(answer=ANSWERS | ANSWERS.flatmap(damaged) | st.binary(max_size=80))
def test_whatever_a_server_answers_is_the_file_or_refused_in_one_line(answering, monkeypatch, answer):
    monkeypatch.setattr(mirrors, "STALL_TIMEOUT_S", 1)
    answering.answer = answer
    source = f"http://127.0.0.1:{answering.server_address[1]}"
    content, refusal = result_or_refusal(SourceError, mirrors.fetch, source, FILE)
    assert refusal or content == PLAIN


# A folder


@pytest.mark.parametrize("compressed", [True, False])
@pytest.mark.parametrize("dot", ["-", "."])
def test_a_folder_of_the_checkout_may_hold_the_files_by_either_name_with_or_without_gz(
    dataset, folder, tiny, monkeypatch, compressed, dot
):
    fill(folder / "mirror", {name.replace("-idx", f"{dot}idx"): data for name, data in tiny.items()}, compressed)
    in_temporary_workspace(folder, monkeypatch)
    assert fetched("mirror", dataset) == tiny


def test_a_folder_may_be_named_from_home_or_by_a_url(dataset, folder, tiny, monkeypatch):
    fill(folder / "with a space", tiny)
    monkeypatch.setenv("HOME", str(folder))
    for name in ("~/with a space", (folder / "with a space").as_uri(), f"file:{folder}/with a space"):
        assert fetched(name, dataset) == tiny


def test_a_url_may_begin_with_capitals(dataset, server, tiny):
    assert fetched(server.url("whole").replace("http://", "HTTP://"), dataset) == tiny


# The sources, one after the other


def test_ones_own_mirror_is_tried_first_and_the_next_ones_are_asked_for_what_lacks(
    dataset, server, tiny, monkeypatch, capsys
):
    monkeypatch.setenv("MNIST_MIRROR", server.url("lacks-test-labels"))
    public = tuple(server.url(way) for way in ("404", "whole", "html"))
    assert mirrors.fetch_all(replace(dataset, mirrors=public)) == tiny
    *own, not_there, there = server.asked
    assert own == [f"/lacks-test-labels/{file.name}.gz" for file in dataset.files]
    assert (not_there, there) == ("/404/t10k-labels-idx1-ubyte.gz", "/whole/t10k-labels-idx1-ubyte.gz")
    own, public = capsys.readouterr().err.splitlines()
    assert own.startswith(f"warning: MNIST_MIRROR={server.url('lacks-test-labels')}: HTTPError: 404 Client Error")
    assert public.startswith(f"{server.url('404')}: HTTPError: 404 Client Error")


def test_where_all_sources_fail_the_message_lists_their_reasons_and_says_how_to_go_on(dataset, server, monkeypatch):
    monkeypatch.setenv("MNIST_MIRROR", "")  # counts as none
    with pytest.raises(DataUnreachableError) as unreachable:
        mirrors.fetch_all(replace(dataset, mirrors=(server.url("404"), server.url("html"))))
    first, not_found, html, last = str(unreachable.value).splitlines()
    assert first == "MNIST could not be downloaded from any source:"
    assert not_found.startswith(f"  {server.url('404')}: HTTPError: 404 Client Error")
    assert html == f"  {server.url('html')}: train-images-idx3-ubyte has another SHA-256 than the published file"
    assert last.startswith("Connect to the internet, or set MNIST_MIRROR to a folder or base URL")
    assert last.endswith("make demo")


def test_where_a_mirror_that_the_user_named_fails_too_it_is_to_be_corrected_and_no_demo_takes_its_place(
    dataset, server, monkeypatch
):
    monkeypatch.setenv("MNIST_MIRROR", "mnsit")
    with pytest.raises(LabError) as failed:
        mirrors.fetch_all(replace(dataset, mirrors=(server.url("404"),)))
    assert not isinstance(failed.value, DataUnreachableError)
    _, own, public, last = str(failed.value).splitlines()
    assert own.endswith("/mnsit is not there")
    assert public.startswith(f"  {server.url('404')}: ")
    assert last == "Let MNIST_MIRROR name a folder or base URL with the four .gz files, or unset it"


@pytest.mark.parametrize("address", ["{refused}/?token=s3cret", "http://me:s3cret@{place}/404", "ftp://me:s3cret@h"])
def test_a_mirrors_password_is_not_shown(dataset, server, refused, monkeypatch, capsys, address):
    place = server.base_url.removeprefix("http://")
    monkeypatch.setenv("MNIST_MIRROR", address.format(place=place, refused=refused))
    with pytest.raises(LabError) as unreachable:
        mirrors.fetch_all(dataset)
    said = f"{unreachable.value} {capsys.readouterr().err}"
    assert "s3cret" not in said
    assert "…" in said
