"""Fixtures for downloads: a small data set under the name of MNIST, and a real HTTP server that can fail in many ways.

The first part of the URL's path selects the server's behaviour.
"""

import gzip
import hashlib
import shutil
import socket
import threading
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import chain, repeat

import numpy as np
import pytest

from lenet.mnist import idx
from lenet.mnist.datasets import DATASETS, RAW_FILES, PublishedFile
from lenet.workspace import RAW
from support.params import edit_params
from support.servers import running_in_thread

MNIST = DATASETS["mnist"]
# By how many seconds a wait may exceed its limit on a busy machine.
SLACK_S = 5
BOMB = gzip.compress(bytes(8_000_000))


class Mirror(ThreadingHTTPServer):
    """Serves `files` (name → uncompressed content) as /<behaviour>/<name>.gz. `_answer` lists all behaviours.

    requested_paths: the paths of all requests so far. redirect_target: the URL to which the behaviour `elsewhere`
    redirects.
    """

    daemon_threads = False  # closing the server waits for its threads
    redirect_target = ""

    def __init__(self, files: Mapping[str, bytes], base_url: str = "http://127.0.0.1"):
        super().__init__(("127.0.0.1", 0), _Handler)
        self.files, self.base_url = files, f"{base_url}:{self.server_port}"
        self.requested_paths: list[str] = []
        self.first_request, self.closing = threading.Event(), threading.Event()

    def url(self, behaviour: str) -> str:
        return f"{self.base_url}/{behaviour}"

    def shutdown(self):
        self.closing.set()
        super().shutdown()

    def handle_error(self, request, client_address):
        pass  # in most tests the client hangs up: print no traceback


class _Handler(BaseHTTPRequestHandler):
    def do_GET(self):
        self.server.requested_paths.append(self.path)
        self.server.first_request.set()
        status, headers, body = _answer(self.server, *self.path.strip("/").split("/"))
        with suppress(ConnectionError):
            self.send_response(status)
            for header, value in headers.items():
                self.send_header(header, value)
            self.end_headers()
            for piece in body:
                self.wfile.write(piece)

    def log_message(self, *_):
        pass


def _answer(server: Mirror, behaviour: str, name: str) -> tuple[int, dict[str, str], Iterable[bytes]]:
    """Return the status, the headers and the body of the server's answer to a request for the file `name`.

    An answer without Content-Length ends when the server closes the connection.
    """
    content = server.files[name.removesuffix(".gz")]
    compressed = gzip.compress(content)
    whole = (200, {"Content-Length": str(len(compressed))}, [compressed])
    half = [compressed[: len(compressed) // 2]]
    return {
        "whole": whole,
        "uncompressed": (200, {}, [content]),
        "encoded": (200, {"Content-Encoding": "gzip"}, [compressed]),
        "lacks-test-labels": (404, {}, []) if "t10k-labels" in name else whole,
        "404": (404, {}, []),
        "html": (200, {}, [b"<!DOCTYPE html>\n<html><title>Sign in to the hotel's network</title></html>\n"]),
        "truncated": (200, {"Content-Length": str(len(compressed))}, half),
        "cut-gzip": (200, {}, half),
        "endless": (200, {}, repeat(bytes(1 << 16))),
        "bomb": (200, {}, [BOMB]),
        "encoded-bomb": (200, {"Content-Encoding": "gzip"}, [gzip.compress(BOMB)]),
        "stall": (200, {}, chain(half, _drip(server, 600))),
        "drip": (200, {}, _drip(server, 0.05)),
        "moved": (302, {"Location": f"/whole/{name}"}, []),
        "moved-at-length": (302, {"Location": f"/whole/{name}"}, repeat(bytes(64_000), 1000)),
        "elsewhere": (302, {"Location": f"{server.redirect_target}/{name}"}, []),
    }[behaviour]


def _drip(server: Mirror, pause_s: float) -> Iterator[bytes]:
    while not server.closing.wait(pause_s):
        yield b"\x1f"


@pytest.fixture(autouse=True)
def folder(workspace, monkeypatch):
    """The workspace. Its params.yaml selects MNIST, and the environment names no mirror and no proxy.

    If a test module imports this fixture, all tests of the module use it.
    """
    for name in ("MNIST_MIRROR", "HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.delenv(name, raising=False)
    use_dataset("mnist")
    return workspace


@pytest.fixture
def refused():
    """An address that refuses connections: its port is bound, but no server listens."""
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        yield f"http://127.0.0.1:{bound.getsockname()[1]}"


@pytest.fixture(scope="session")
def tiny_files():
    """The four files of a small data set (name → content): 200 training images and 30 test images."""
    rng = np.random.default_rng(0)
    labels = np.arange(200, dtype=np.uint8) % 10
    arrays = [part for n in (200, 30) for part in (rng.integers(0, 256, (n, 28, 28), np.uint8), labels[:n])]
    return {name: idx.to_idx(array) for name, array in zip(RAW_FILES, arrays, strict=True)}


@pytest.fixture
def dataset(tiny_files):
    """MNIST, but with the files of the small data set and without public mirrors."""
    return replace(MNIST, files=known_files(tiny_files), mirrors=())


@pytest.fixture
def server(tiny_files):
    with running_in_thread(Mirror(tiny_files)) as mirror:
        yield mirror


def use_dataset(name):
    with edit_params() as params:
        params["data"]["dataset"] = name


def in_temporary_workspace(checkout, monkeypatch):
    """Create a temporary workspace in the checkout, and make it the current folder.

    DVC runs the stages of an experiment in such a workspace, with the checkout's path in DVC_ROOT.
    """
    workspace = checkout / ".dvc/tmp/exps/tmp"
    workspace.mkdir(parents=True)
    shutil.copy("params.yaml", workspace)
    monkeypatch.chdir(workspace)
    monkeypatch.setenv("DVC_ROOT", str(checkout))


def known_files(content):
    return tuple(PublishedFile(name, len(data), hashlib.sha256(data).hexdigest()) for name, data in content.items())


def raw_files():
    return {path.name: path.read_bytes() for path in RAW.iterdir()}


def write_files(folder, content, compressed=True):
    folder.mkdir(parents=True)
    for name, data in content.items():
        path = folder / (f"{name}.gz" if compressed else name)
        path.write_bytes(gzip.compress(data) if compressed else data)
