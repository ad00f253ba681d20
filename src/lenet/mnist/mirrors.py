"""Download a data set: from a mirror of one's own, public mirrors or an archive, within limits of time and size.

Content is accepted only if its SHA-256 is right, so it does not matter which source serves it.
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

from lenet.errors import DataUnreachableError
from lenet.mnist.datasets import Archive, Dataset, KnownFile
from lenet.mnist.idx import to_idx
from lenet.mnist.web import SourceError, fetch_url
from lenet.redaction import redacted
from lenet.workspace import project_root, run_store

SOURCE_TIMEOUT_S = 180

Fetch = Callable[[KnownFile], bytes]


@contextmanager
def time_limit(seconds: float) -> Iterator[None]:
    """Raise SourceError in the block after `seconds`, even if a server keeps sending a byte now and then.

    It uses a timer signal, because the timeout of a connection limits only the wait for the next byte.
    """

    def stop(*_: object) -> None:
        raise SourceError(f"not finished after {seconds:g} s")

    if threading.current_thread() is not threading.main_thread():
        raise RuntimeError("time_limit works in the main thread only")
    handler, timer = signal.signal(signal.SIGALRM, stop), signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, handler)
        signal.setitimer(signal.ITIMER_REAL, *timer)


def decompress(content: bytes, file: KnownFile) -> bytes:
    """Decompress the gzip content of a file; return other content as it is.

    Raises SourceError if it is damaged, or has more bytes than the file once decompressed.
    """
    if not content.startswith(b"\x1f\x8b"):
        return content
    try:
        with gzip.open(io.BytesIO(content)) as stream:
            plain = stream.read(file.size + 1)
            if len(plain) == file.size:
                stream.read()  # to the end, where gzip has its checksum
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise SourceError(f"{file.name}.gz is damaged or truncated: {error}") from None
    if len(plain) > file.size:
        raise SourceError(f"{file.name}.gz decompresses to more than the {file.size:,} bytes expected")
    return plain


def checked(file: KnownFile, content: bytes) -> bytes:
    """Return `content` if it is that file; otherwise raise SourceError with what is wrong with it."""
    if file.holds(content):
        return content
    if content[:512].lstrip()[:1] == b"<":
        raise SourceError(f"an HTML page instead of {file.name}")
    if len(content) != file.size:
        raise SourceError(f"{file.name} has {len(content):,} bytes instead of {file.size:,}")
    raise SourceError(f"{file.name} has the wrong SHA-256")


def from_folder(folder: Path) -> Fetch:
    """Fetch from a folder with the four files, each with or without .gz."""

    def fetch(file: KnownFile) -> bytes:
        for path in (folder / f"{file.name}.gz", folder / file.name):
            try:
                return checked(file, decompress(path.read_bytes(), file))
            except FileNotFoundError:
                continue
            except OSError as error:
                raise SourceError(f"{path}: {error.strerror}") from None
        raise SourceError(f"{file.name}[.gz] is not there")

    return fetch


def from_mirror(base_url: str) -> Fetch:
    """Fetch from a server that has the four files, with .gz added to their names, under `base_url`."""

    def fetch(file: KnownFile) -> bytes:
        # Some servers send .gz files uncompressed, and gzip never adds more than this.
        content = fetch_url(f"{base_url.rstrip('/')}/{file.name}.gz", limit=file.size + 1024)
        return checked(file, decompress(content, file))

    return fetch


def from_archive(archive: Archive) -> Fetch:
    """Fetch from an archive, downloaded once."""

    @cache
    def content() -> bytes:
        return checked(archive.file, fetch_url(archive.url, limit=archive.file.size))

    def fetch(file: KnownFile) -> bytes:
        with np.load(io.BytesIO(content())) as arrays:
            return checked(file, to_idx(arrays[archive.arrays[file.name]]))

    return fetch


def sources(dataset: Dataset) -> Mapping[str, Fetch]:
    """Return a data set's sources in the order in which they are tried, each with the name used in messages."""
    found: dict[str, Fetch] = {}
    if mirror := os.environ.get(dataset.mirror_variable):
        is_url = mirror.startswith(("http://", "https://"))
        found[f"{dataset.mirror_variable}={mirror}"] = (
            from_mirror(mirror) if is_url else from_folder(project_root() / mirror)
        )
    found |= {url: from_mirror(url) for url in dataset.mirrors}
    if dataset.archive:
        found[dataset.archive.url] = from_archive(dataset.archive)
    return found


def fetch_all(dataset: Dataset) -> dict[str, bytes]:
    """Return the content of the four files by name, each from the first source that serves it.

    Raises DataUnreachableError, with the reason of every source, where some file cannot be downloaded.
    """
    content: dict[str, bytes] = {}
    reasons: list[str] = []
    for source, fetch in sources(dataset).items():
        try:
            with time_limit(SOURCE_TIMEOUT_S):
                for file in dataset.files:
                    if file.name not in content:
                        content[file.name] = fetch(file)
            return content
        except SourceError as error:
            reasons.append(redacted(f"{source}: {error}", os.environ.get(dataset.mirror_variable, "")))
            print(reasons[-1], file=sys.stderr)
    listed = "".join(f"  {reason}\n" for reason in reasons)
    raise DataUnreachableError(
        f"{dataset.title} could not be downloaded from any source:\n{listed}"
        f"Connect to the internet, or set {dataset.mirror_variable} to a folder or base URL with the four .gz files; "
        "or try everything on the bundled digits: make demo"
    )


def unreachable_note() -> Path:
    """Return the file in which a failed download leaves its message, so that `make repro` can tell that from others."""
    return run_store() / "data-unreachable.txt"
