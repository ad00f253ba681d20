"""A real HTTP server on 127.0.0.1 that serves the four files well, badly or never, by the folder that is asked."""

import datetime
import gzip
import ipaddress
import ssl
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

HTML = b"<!DOCTYPE html>\n<html><title>Sign in to the hotel's network</title></html>\n"
BOMB = gzip.compress(bytes(8_000_000))
DRIP_PAUSE_S = 0.05


class Sources(ThreadingHTTPServer):
    """Serves `files` (name: uncompressed content) as `name`.gz under one folder per way to serve: see WAYS.

    `documents` (path: content) are served as they stand. `asked` collects the paths of all requests.
    """

    daemon_threads = True
    block_on_close = True  # no thread of a test outlives it
    scheme = "http"

    def __init__(self, files: Mapping[str, bytes]):
        super().__init__(("127.0.0.1", 0), _Handler)
        self.files = dict(files)
        self.documents: dict[str, bytes] = {}
        self.asked: list[str] = []
        self.first_request = threading.Event()
        self.closing = threading.Event()

    def url(self, path: str = "") -> str:
        return f"{self.scheme}://127.0.0.1:{self.server_port}/{path}"

    def handle_error(self, request, client_address):
        pass  # a client that hangs up is what most tests are about


@contextmanager
def serving(files: Mapping[str, bytes], certificate: Path | None = None) -> Iterator[Sources]:
    """Run a server in a thread until the block ends, also where a client still waits for it; see `certify`."""
    with Sources(files) as server:
        if certificate:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(certificate)
            server.socket = context.wrap_socket(server.socket, server_side=True)
            server.scheme = "https"
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        try:
            yield server
        finally:
            server.closing.set()
            server.shutdown()
            thread.join()


def certify(path: Path) -> None:
    """Write a certificate of 127.0.0.1, signed by itself, and its key."""
    key, now = ec.generate_private_key(ec.SECP256R1()), datetime.datetime.now(datetime.UTC)
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "127.0.0.1")])
    made = x509.CertificateBuilder(issuer_name=name, subject_name=name, public_key=key.public_key())
    made = made.serial_number(1).not_valid_before(now).not_valid_after(now + datetime.timedelta(days=1))
    address = x509.SubjectAlternativeName([x509.IPAddress(ipaddress.IPv4Address("127.0.0.1"))])
    made = made.add_extension(address, critical=False).sign(key, hashes.SHA256())
    secret = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    path.write_bytes(secret + made.public_bytes(serialization.Encoding.PEM))


class _Handler(BaseHTTPRequestHandler):
    def do_GET(self):
        server = self.server
        server.asked.append(self.path)
        server.first_request.set()
        if self.path in server.documents:
            self.send(server.documents[self.path])
            return
        way, _, name = self.path.strip("/").rpartition("/")
        content = server.files.get(name.removesuffix(".gz"))
        with suppress(ConnectionError):
            if way in WAYS and content is not None:
                WAYS[way](self, content)
            else:
                self.send_error(404)

    def send(self, body: bytes, *, status: int = 200, length: int | str | None = None, **headers: str) -> None:
        self.send_response(status)
        self.send_header("Content-Length", str(len(body) if length is None else length))
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


def _whole(handler: _Handler, content: bytes) -> None:
    handler.send(gzip.compress(content))


def _uncompressed(handler: _Handler, content: bytes) -> None:
    handler.send(content)


def _encoded(handler: _Handler, content: bytes) -> None:
    handler.send(gzip.compress(content), Content_Encoding="gzip")


def _truncated(handler: _Handler, content: bytes) -> None:
    body = gzip.compress(content)
    handler.send(body[: len(body) // 2], length=len(body))


def _cut_gzip(handler: _Handler, content: bytes) -> None:
    body = gzip.compress(content)
    handler.send(body[: len(body) // 2])


def _cut_content(handler: _Handler, content: bytes) -> None:
    handler.send(gzip.compress(content[:-1]))


def _wrong(handler: _Handler, content: bytes) -> None:
    handler.send(gzip.compress(content[:-1] + bytes([content[-1] ^ 1])))


def _stall(handler: _Handler, _: bytes) -> None:
    handler.server.closing.wait()


def _stall_midway(handler: _Handler, content: bytes) -> None:
    _truncated(handler, content)
    handler.server.closing.wait()


def _drip(handler: _Handler, content: bytes) -> None:
    handler.send(b"", length=len(content))
    while not handler.server.closing.wait(DRIP_PAUSE_S):
        handler.wfile.write(b"\x1f")


def _endless(handler: _Handler, _: bytes) -> None:
    handler.send_response(200)
    handler.end_headers()
    while not handler.server.closing.is_set():
        handler.wfile.write(bytes(1 << 16))


def _no_length(handler: _Handler, content: bytes) -> None:
    handler.send_response(200)
    handler.end_headers()
    handler.wfile.write(gzip.compress(content))


def _length_twice(handler: _Handler, content: bytes) -> None:
    body = gzip.compress(content)
    handler.send(body, Content_Length=str(len(body)))


def _status_404(handler: _Handler, _: bytes) -> None:
    handler.send_error(404)


def _status_500(handler: _Handler, _: bytes) -> None:
    handler.send_error(500)


def _html(handler: _Handler, _: bytes) -> None:
    handler.send(HTML, Content_Type="text/html")


def _bomb(handler: _Handler, _: bytes) -> None:
    handler.send(BOMB)


def _moved(handler: _Handler, _: bytes) -> None:
    handler.send(b"", status=302, Location=handler.path.replace("/moved/", "/whole/"))


def _moved_at_length(handler: _Handler, _: bytes) -> None:
    handler.send_response(302)
    handler.send_header("Location", handler.path.replace("/moved-at-length/", "/whole/"))
    handler.send_header("Content-Length", str(64_000_000))
    handler.end_headers()
    for _ in range(1000):
        handler.wfile.write(bytes(64_000))


def _moved_in_a_circle(handler: _Handler, _: bytes) -> None:
    handler.send(b"", status=302, Location=handler.path)


def _moved_to_a_file(handler: _Handler, _: bytes) -> None:
    handler.send(b"", status=302, Location="file:///etc/passwd")


def _encoded_bomb(handler: _Handler, _: bytes) -> None:
    handler.send(gzip.compress(BOMB), Content_Encoding="gzip")


def _lacks_test_labels(handler: _Handler, content: bytes) -> None:
    if "t10k-labels" in handler.path:
        handler.send_error(404)
    else:
        _whole(handler, content)


WAYS = {
    "whole": _whole,
    "uncompressed": _uncompressed,
    "encoded": _encoded,
    "truncated": _truncated,
    "cut-gzip": _cut_gzip,
    "cut-content": _cut_content,
    "wrong": _wrong,
    "stall": _stall,
    "stall-midway": _stall_midway,
    "drip": _drip,
    "endless": _endless,
    "no-length": _no_length,
    "length-twice": _length_twice,
    "404": _status_404,
    "500": _status_500,
    "html": _html,
    "bomb": _bomb,
    "moved": _moved,
    "moved-at-length": _moved_at_length,
    "moved-in-a-circle": _moved_in_a_circle,
    "moved-to-a-file": _moved_to_a_file,
    "encoded-bomb": _encoded_bomb,
    "lacks-test-labels": _lacks_test_labels,
}
