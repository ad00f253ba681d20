"""Where MNIST's files come from: MNIST_MIRROR, two public mirrors, Keras's archive, each bounded in time and size.

A source is believed only if the SHA-256 of the uncompressed content is right, so it does not matter which one serves.
"""

import gzip
import io
import os
import signal
import sys
import threading
import zlib
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import cache
from pathlib import Path

import numpy as np

from lenet.errors import MnistUnreachableError
from lenet.mnist import idx
from lenet.mnist.idx import KnownFile
from lenet.workspace import project_root

CONNECT_TIMEOUT_S = 10
STALL_TIMEOUT_S = 20
SOURCE_TIMEOUT_S = 180

Fetch = Callable[[KnownFile], bytes]


class SourceError(Exception):
    """Why one source could not serve a file; the next one is tried."""


class _Bounded(io.BytesIO):
    """A buffer that refuses to grow beyond `limit` bytes, however much a server sends."""

    def __init__(self, limit: int):
        super().__init__()
        self._limit = limit

    def write(self, chunk):
        if self.tell() + len(chunk) > self._limit:
            raise SourceError(f"sends more than the {self._limit:,} bytes expected")
        return super().write(chunk)


@contextmanager
def time_limit(seconds: float) -> Iterator[None]:
    """Raise SourceError in the block after `seconds`, also where a server sends a byte now and then.

    A timer signal, because a timeout of the connection bounds only the wait for the next byte.
    """

    def stop(*_):
        raise SourceError(f"not finished after {seconds:g} s")

    if threading.current_thread() is not threading.main_thread():
        raise RuntimeError("time_limit works in the main thread alone")
    handler, timer = signal.signal(signal.SIGALRM, stop), signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, handler)
        signal.setitimer(signal.ITIMER_REAL, *timer)


def fetch_url(url: str, limit: int) -> bytes:
    """Return what `url` serves, at most `limit` bytes; raise SourceError with the reason otherwise."""
    import pooch
    import requests
    import urllib3
    from tqdm import tqdm

    buffer = _Bounded(limit)
    # Drawn on a terminal alone (disable=None): log files stay readable. The total is the server's to correct; without
    # one the bar cannot say whether it is true, which pooch asks it.
    with tqdm(total=limit, desc=url.rsplit("/", 1)[-1], unit="B", unit_scale=True, disable=None, leave=False) as bar:
        download = pooch.HTTPDownloader(
            progressbar=bar, chunk_size=1 << 16, timeout=(CONNECT_TIMEOUT_S, STALL_TIMEOUT_S)
        )
        try:
            download(url, buffer, None)
        except requests.HTTPError as error:
            raise SourceError(f"HTTP status {error.response.status_code}") from None
        except requests.ConnectTimeout:
            raise SourceError(f"no connection within {CONNECT_TIMEOUT_S} s") from None
        except requests.Timeout:
            raise SourceError(f"no answer within {STALL_TIMEOUT_S} s") from None
        # requests lets some of urllib3's errors through (a misspelt host), pooch a senseless Content-Length.
        except (requests.RequestException, urllib3.exceptions.HTTPError, ValueError) as error:
            raise SourceError(_root_cause(error)) from None
    return buffer.getvalue()


def decompress(content: bytes, size: int) -> bytes:
    """Undo gzip, if it is there, up to `size` bytes; a bomb or a truncated file raises SourceError."""
    if not content.startswith(b"\x1f\x8b"):
        return content
    try:
        with gzip.open(io.BytesIO(content)) as stream:
            plain = stream.read(size + 1)
            if len(plain) == size:
                stream.read()  # to the end, where gzip keeps its checksum
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise SourceError(f"damaged or truncated gzip file: {error}") from None
    if len(plain) > size:
        raise SourceError(f"decompresses to more than the {size:,} bytes expected")
    return plain


def checked(file: KnownFile, content: bytes) -> bytes:
    """Return `content` if it is the canonical file; raise SourceError that says what it looks like otherwise."""
    if file.holds(content):
        return content
    if content[:512].lstrip()[:1] == b"<":
        raise SourceError(f"an HTML page instead of {file.name}")
    if len(content) != file.size:
        raise SourceError(f"{file.name} has {len(content):,} bytes instead of {file.size:,}")
    raise SourceError(f"{file.name} has the wrong SHA-256")


def from_folder(folder: Path) -> Fetch:
    """Fetch from a folder that holds the files, with or without .gz."""

    def fetch(file: KnownFile) -> bytes:
        for path in (folder / f"{file.name}.gz", folder / file.name):
            try:
                return checked(file, decompress(path.read_bytes(), file.size))
            except FileNotFoundError:
                continue
            except OSError as error:
                raise SourceError(f"{path}: {error.strerror}") from None
        raise SourceError(f"{file.name}[.gz] is not there")

    return fetch


def from_mirror(base_url: str) -> Fetch:
    """Fetch from a server that has the four names plus .gz under `base_url`."""

    def fetch(file: KnownFile) -> bytes:
        # gzip never needs more room than this; some servers send .gz files uncompressed.
        content = fetch_url(f"{base_url.rstrip('/')}/{file.name}.gz", limit=file.size + 1024)
        return checked(file, decompress(content, file.size))

    return fetch


def from_keras(url: str) -> Fetch:
    """Fetch from Keras's archive, downloaded once."""

    @cache
    def archive() -> bytes:
        return checked(idx.KERAS_ARCHIVE, fetch_url(url, limit=idx.KERAS_ARCHIVE.size))

    def fetch(file: KnownFile) -> bytes:
        with np.load(io.BytesIO(archive())) as arrays:
            return checked(file, idx.to_idx(arrays[idx.KERAS_NAMES[file]]))

    return fetch


def sources() -> Mapping[str, Fetch]:
    """Return every source by the name a person knows it by, in the order in which they are tried."""
    found: dict[str, Fetch] = {}
    if mirror := os.environ.get("MNIST_MIRROR"):
        is_url = mirror.startswith(("http://", "https://"))
        found[f"MNIST_MIRROR={mirror}"] = from_mirror(mirror) if is_url else from_folder(project_root() / mirror)
    found |= {url: from_mirror(url) for url in idx.MIRRORS}
    return found | {idx.KERAS_NPZ: from_keras(idx.KERAS_NPZ)}


def fetch_all(tried: Mapping[str, Fetch]) -> dict[KnownFile, bytes]:
    """Return the four files, from as many sources as it takes; raise MnistUnreachableError with every reason."""
    content: dict[KnownFile, bytes] = {}
    reasons = []
    for name, fetch in tried.items():
        try:
            with time_limit(SOURCE_TIMEOUT_S):
                for file in idx.FILES:
                    if file not in content:
                        content[file] = fetch(file)
            return content
        except SourceError as error:
            reasons.append(f"  {name}: {error}")
            print(f"{name}: {error}", file=sys.stderr)
    raise MnistUnreachableError(
        "MNIST could not be had from any source:\n" + "\n".join(reasons) + "\n"
        "Connect to the internet, or set MNIST_MIRROR to a folder or base URL with the four .gz files; "
        "or try everything on the bundled digits: make demo"
    )


def _root_cause(error: BaseException) -> str:
    while error.__context__ is not None:
        error = error.__context__
    text = f"{type(error).__name__}: {' '.join(str(error).split())}"
    return text if len(text) < 200 else f"{text[:200]}…"
