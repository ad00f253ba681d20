"""Download from a real server that works well, works badly or does not work."""

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
    folder,
    in_temporary_workspace,
    refused,
    server,
    tiny_files,
    write_files,
)
from support.servers import running_in_thread
from werkzeug.serving import make_ssl_devcert

from lenet.errors import DataUnreachableError, LabError
from lenet.mnist import mirrors
from lenet.mnist.datasets import DATASETS, PublishedFile
from lenet.mnist.mirrors import SourceError


def fetch_files(source, dataset):
    return {file.name: mirrors.fetch(source, file) for file in dataset.files}


# A mirror


@pytest.mark.parametrize("behaviour", ["whole", "whole/", "uncompressed", "encoded", "moved"])
def test_files_are_read_from_a_mirror_that_works(dataset, server, tiny_files, behaviour):
    assert fetch_files(server.url(behaviour), dataset) == tiny_files


@pytest.mark.parametrize(
    ("source", "reason"),
    [
        ("{server}/cut-gzip", "the SHA-256 of train-images-idx3-ubyte is not that of the published file"),
        ("{server}/truncated", "78442 bytes read, 78442 more expected"),
        ("{refused}", "Connection refused"),
        ("http://mirror..example/mnist", "label empty or too long"),
        ("a-folder", "^/.*/a-folder does not exist$"),
        ("params.yaml", r"^/.*/params\.yaml is a file: name its folder$"),
        (".", r"^/.* has no train-images-idx3-ubyte\.gz, but train-images\.idx3$"),
        ("~nobody-of-that-name/mnist", "Could not determine home directory"),
        ("ftp://mirror.example/mnist", "^expected a folder, or a URL that begins with https:// or http://$"),
    ],
)
def test_a_source_that_does_not_serve_a_file_gives_an_error_with_the_reason(
    dataset, folder, server, refused, source, reason
):
    (folder / "train-images.idx3").touch()
    with pytest.raises(SourceError, match=reason):
        mirrors.fetch(source.format(server=server.base_url, refused=refused), dataset.files[0])


@pytest.mark.parametrize(
    ("behaviour", "refusal"),
    [
        ("endless", "sends more than the 157,840 bytes expected"),
        ("bomb", "is not that of the published file"),
        ("encoded-bomb", "is not that of the published file"),
        ("moved-at-length", None),  # a redirect whose body has 64 million bytes
    ],
)
def test_a_mirror_cannot_fill_the_memory(dataset, server, behaviour, refusal):
    mirrors.fetch(server.url("whole"), dataset.files[0])  # imports modules, whose memory is not measured
    tracemalloc.start()
    try:
        _, reason = result_or_refusal(SourceError, mirrors.fetch, server.url(behaviour), dataset.files[0])
        assert tracemalloc.get_traced_memory()[1] < 4_000_000  # a bomb unpacks to 8 million bytes
    finally:
        tracemalloc.stop()
    assert reason is refusal or refusal in reason


@pytest.mark.parametrize(
    ("behaviour", "limit", "reason"),
    [
        ("stall", "STALL_TIMEOUT_S", "TimeoutError: timed out"),
        ("drip", "SOURCE_TIMEOUT_S", r"not finished after 0\.4 s"),  # sends a byte now and then
    ],
)
def test_a_slow_mirror_is_given_up_and_the_alarm_is_reset(dataset, server, monkeypatch, behaviour, limit, reason):
    monkeypatch.setattr(mirrors, limit, 0.4)
    handler, start = signal.getsignal(signal.SIGALRM), time.monotonic()
    with pytest.raises(DataUnreachableError, match=f"{behaviour}: {reason}"):
        mirrors.fetch_all(replace(dataset, mirrors=(server.url(behaviour),)))
    assert 0.4 <= time.monotonic() - start < SLACK_S
    assert signal.getitimer(signal.ITIMER_REAL) == (0, 0)
    assert signal.getsignal(signal.SIGALRM) == handler


# HTTPS


@pytest.fixture
def secure(tiny_files, folder, monkeypatch):
    """Yield a mirror that serves `tiny_files` over HTTPS."""
    certificate, key = make_ssl_devcert(str(folder / "mirror"), cn="localhost")
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", certificate)
    mirror = Mirror(tiny_files, "https://localhost")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    mirror.socket = context.wrap_socket(mirror.socket, server_side=True)
    with running_in_thread(mirror):
        yield mirror


def test_the_public_mirrors_use_https():
    assert all(address.startswith("https://") for entry in DATASETS.values() for address in entry.mirrors)


def test_files_are_read_over_https_also_after_a_redirect(dataset, secure, tiny_files):
    assert fetch_files(secure.url("moved"), dataset) == tiny_files


def test_a_redirect_from_https_to_http_is_refused(dataset, secure, server):
    secure.redirect_target = server.url("whole")
    with pytest.raises(SourceError, match="InvalidSchema: No connection adapters were found for 'http://"):
        mirrors.fetch(secure.url("elsewhere"), dataset.files[0])
    assert server.requested_paths == []


# Random answers


class AnswerHandler(socketserver.BaseRequestHandler):
    """Answer each connection with the bytes in the server's `answer`, then close the connection."""

    def handle(self):
        self.request.recv(65536)
        self.request.sendall(self.server.answer)


@pytest.fixture(scope="module")
def answering():
    class Server(socketserver.ThreadingTCPServer):
        def handle_error(self, request, client_address):
            pass  # the client hangs up: print no traceback

    with running_in_thread(Server(("127.0.0.1", 0), AnswerHandler)) as server:
        yield server


PLAIN = bytes(range(20))
FILE = PublishedFile("file", len(PLAIN), hashlib.sha256(PLAIN).hexdigest())
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
def test_any_answer_of_a_server_is_the_file_or_is_refused_in_one_line(answering, monkeypatch, answer):
    monkeypatch.setattr(mirrors, "STALL_TIMEOUT_S", 1)
    answering.answer = answer
    source = f"http://127.0.0.1:{answering.server_address[1]}"
    content, refusal = result_or_refusal(SourceError, mirrors.fetch, source, FILE)
    assert refusal or content == PLAIN


# A folder


@pytest.mark.parametrize("compressed", [True, False])
@pytest.mark.parametrize("separator", ["-", "."])
def test_a_folder_in_the_checkout_may_have_the_files_under_either_name_and_compressed_or_not(
    dataset, folder, tiny_files, monkeypatch, compressed, separator
):
    write_files(
        folder / "mirror",
        {name.replace("-idx", f"{separator}idx"): data for name, data in tiny_files.items()},
        compressed,
    )
    in_temporary_workspace(folder, monkeypatch)
    assert fetch_files("mirror", dataset) == tiny_files


def test_a_folder_may_be_given_relative_to_the_home_folder_or_as_a_url(dataset, folder, tiny_files, monkeypatch):
    write_files(folder / "with a space", tiny_files)
    monkeypatch.setenv("HOME", str(folder))
    for name in ("~/with a space", (folder / "with a space").as_uri(), f"file:{folder}/with a space"):
        assert fetch_files(name, dataset) == tiny_files


def test_the_scheme_of_a_url_may_be_in_capitals(dataset, server, tiny_files):
    assert fetch_files(server.url("whole").replace("http://", "HTTP://"), dataset) == tiny_files


# Several sources


def test_the_users_mirror_is_tried_first_and_the_public_mirrors_only_for_missing_files(
    dataset, server, tiny_files, monkeypatch, capsys
):
    monkeypatch.setenv("MNIST_MIRROR", server.url("lacks-test-labels"))
    public = tuple(server.url(behaviour) for behaviour in ("404", "whole", "html"))
    assert mirrors.fetch_all(replace(dataset, mirrors=public)) == tiny_files
    *own_requests, failed_request, last_request = server.requested_paths
    assert own_requests == [f"/lacks-test-labels/{file.name}.gz" for file in dataset.files]
    assert (failed_request, last_request) == ("/404/t10k-labels-idx1-ubyte.gz", "/whole/t10k-labels-idx1-ubyte.gz")
    own_line, public_line = capsys.readouterr().err.splitlines()
    assert own_line.startswith(f"warning: MNIST_MIRROR={server.url('lacks-test-labels')}: HTTPError: 404 Client Error")
    assert public_line.startswith(f"{server.url('404')}: HTTPError: 404 Client Error")


def test_if_all_sources_fail_the_message_lists_their_reasons_and_says_what_to_do(dataset, server, monkeypatch):
    monkeypatch.setenv("MNIST_MIRROR", "")  # counts as unset
    with pytest.raises(DataUnreachableError) as unreachable:
        mirrors.fetch_all(replace(dataset, mirrors=(server.url("404"), server.url("html"))))
    first, not_found, html, last = str(unreachable.value).splitlines()
    assert first == "MNIST could not be downloaded from any source:"
    assert not_found.startswith(f"  {server.url('404')}: HTTPError: 404 Client Error")
    assert html == f"  {server.url('html')}: the SHA-256 of train-images-idx3-ubyte is not that of the published file"
    assert last.startswith("Connect to the internet, or set MNIST_MIRROR to a folder or base URL")
    assert last.endswith("make demo")


def test_if_the_users_mirror_fails_too_the_message_asks_to_correct_it_and_offers_no_demo(dataset, server, monkeypatch):
    monkeypatch.setenv("MNIST_MIRROR", "mnsit")
    with pytest.raises(LabError) as failed:
        mirrors.fetch_all(replace(dataset, mirrors=(server.url("404"),)))
    assert not isinstance(failed.value, DataUnreachableError)
    _, own, public, last = str(failed.value).splitlines()
    assert own.endswith("/mnsit does not exist")
    assert public.startswith(f"  {server.url('404')}: ")
    assert last == "Set MNIST_MIRROR to a folder or base URL with the four .gz files, or unset it"


def test_a_data_set_without_public_mirrors_needs_one_of_the_user(dataset, monkeypatch):
    monkeypatch.delenv("MNIST_MIRROR", raising=False)
    with pytest.raises(
        LabError, match=r"^MNIST has no public address: set MNIST_MIRROR to a folder or base URL"
    ) as failed:
        mirrors.fetch_all(dataset)
    assert not isinstance(failed.value, DataUnreachableError)


@pytest.mark.parametrize("address", ["{refused}/?token=s3cret", "http://me:s3cret@{place}/404", "ftp://me:s3cret@h"])
def test_a_mirrors_password_is_not_shown(dataset, server, refused, monkeypatch, capsys, address):
    place = server.base_url.removeprefix("http://")
    monkeypatch.setenv("MNIST_MIRROR", address.format(place=place, refused=refused))
    with pytest.raises(LabError) as unreachable:
        mirrors.fetch_all(dataset)
    output = f"{unreachable.value} {capsys.readouterr().err}"
    assert "s3cret" not in output
    assert "…" in output
