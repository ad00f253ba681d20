"""Download a data set from a mirror of one's own or public mirrors, within limits of time and size.

Content is accepted only if its SHA-256 is right, so it does not matter which source serves it.
"""

import hashlib
import io
import os
import signal
import sys
import zlib
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from difflib import get_close_matches
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import unquote, urlsplit

from lenet.errors import DataUnreachableError, LabError, in_one_line, shortened
from lenet.mnist.datasets import Dataset, KnownFile
from lenet.redaction import redacted
from lenet.workspace import project_root, run_store_folder

if TYPE_CHECKING:
    import requests

CONNECT_TIMEOUT_S = 10
STALL_TIMEOUT_S = 20
SOURCE_TIMEOUT_S = 180
_CHUNK = 1 << 16
# What compression may add to content that it cannot make smaller.
_MOST_ADDED = 1024


class SourceError(Exception):
    """Why a source could not serve a file. The next source is tried."""


@contextmanager
def time_limit(seconds: float) -> Iterator[None]:
    """Raise SourceError in the block after `seconds`, even if a server keeps sending a byte now and then.

    It uses a timer signal, because the timeout of a connection limits only the wait for the next byte.
    """

    def stop(*_: object) -> None:
        raise SourceError(f"not finished after {seconds:g} s")

    handler = signal.signal(signal.SIGALRM, stop)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, handler)


def fetch(source: str, file: KnownFile) -> bytes:
    """Return the content of a file, decompressed, from a folder or base URL; raise SourceError if this fails."""
    import urllib3

    try:
        content = _read(source, file)
    # requests lets some errors of urllib3 through; a misspelt host, or a length that is no number, is a ValueError, and
    # an unknown user's home folder a RuntimeError.
    except (OSError, ValueError, RuntimeError, urllib3.exceptions.HTTPError) as error:
        raise SourceError(_first_of_chain(error)) from None
    with suppress(zlib.error):  # not compressed: some servers send .gz files so
        content = zlib.decompressobj(wbits=31).decompress(content, file.size + 1)
    if hashlib.sha256(content).hexdigest() != file.sha256:
        raise SourceError(f"{file.name} has another SHA-256 than the published file")
    return content


def _read(source: str, file: KnownFile) -> bytes:
    """Return what a source has under the file's name: a base URL, or a folder, whose path may begin with ~ or file:."""
    address = urlsplit(source)
    if address.scheme in ("http", "https"):
        return _from_web(f"{address.geturl().rstrip('/')}/{file.name}.gz", file.size + _MOST_ADDED)
    if address.scheme == "file":
        return _from_folder(Path(unquote(address.path)), file.name)
    if address.scheme and address.netloc:
        raise SourceError("expected a folder, or a URL that begins with https:// or http://")
    return _from_folder(project_root() / Path(source).expanduser(), file.name)


def _from_folder(folder: Path, name: str) -> bytes:
    """Return the content of a file, which may be compressed; some tools that unpack it call it ….idx3-ubyte."""
    for each in (name, name.replace("-idx", ".idx")):
        for path in (folder / f"{each}.gz", folder / each):
            if path.is_file():
                return path.read_bytes()
    if not folder.is_dir():
        raise SourceError(f"{folder} is {'a file: name its folder' if folder.is_file() else 'not there'}")
    similar = get_close_matches(name, (path.name for path in folder.iterdir()), n=1)
    raise SourceError(f"no {name}.gz in {folder}{f', but {similar[0]}' if similar else ''}")


def _from_web(url: str, limit: int) -> bytes:
    """Return what `url` serves, at most `limit` bytes. No redirect leads from https:// to http://."""
    import requests
    from tqdm import tqdm

    content = bytearray()
    with requests.Session() as session:
        if url.startswith("https://"):
            del session.adapters["http://"]
        session.hooks["response"].append(_leave_redirect_unread)
        with session.get(url, stream=True, timeout=(CONNECT_TIMEOUT_S, STALL_TIMEOUT_S)) as response:
            response.raise_for_status()
            length = int(response.headers.get("content-length", 0)) or None
            # disable=None: no bar in log files.
            bar = tqdm(total=length, desc=Path(url).name, unit="B", unit_scale=True, disable=None, leave=False)
            with bar:
                for chunk in response.iter_content(_CHUNK):
                    content += chunk
                    bar.update(len(chunk))
                    if len(content) > limit:
                        raise SourceError(f"sends more than the {limit:,} bytes expected")
    return bytes(content)


def _leave_redirect_unread(response: "requests.Response", **_: object) -> None:
    """Keep requests from reading the body of a redirect, whatever its size, before it follows it."""
    if response.is_redirect:
        response.close()
        response.raw = io.BytesIO()


def _first_of_chain(error: BaseException) -> str:
    """Return the error that others only wrap, in one line."""
    while error.__context__ is not None:
        error = error.__context__
    return f"{type(error).__name__}: {in_one_line(error)}"


def fetch_all(dataset: Dataset) -> dict[str, bytes]:
    """Return the content of the four files by name, each from the first source that serves it.

    Raises LabError, with the reason of every source, where some file cannot be downloaded: DataUnreachableError unless
    the user named a mirror, which is to be corrected then.
    """
    own = os.environ.get(dataset.mirror_variable)
    content: dict[str, bytes] = {}
    reasons: list[str] = []
    for source in [own, *dataset.mirrors] if own else dataset.mirrors:
        try:
            with time_limit(SOURCE_TIMEOUT_S):
                for file in dataset.files:
                    if file.name not in content:
                        content[file.name] = fetch(source, file)
            return content
        except SourceError as error:
            reasons.append(shortened(redacted(f"{source}: {error}", source), 300))
            named = f"warning: {dataset.mirror_variable}=" if source == own else ""
            print(f"{named}{reasons[-1]}", file=sys.stderr)
    listed = "".join(f"  {reason}\n" for reason in reasons)
    failed = f"{dataset.title} could not be downloaded from any source:\n{listed}"
    files = "a folder or base URL with the four .gz files"
    if own:
        raise LabError(f"{failed}Let {dataset.mirror_variable} name {files}, or unset it")
    raise DataUnreachableError(
        f"{failed}Connect to the internet, or set {dataset.mirror_variable} to {files}; "
        "or try everything on the bundled digits: make demo"
    )


def unreachable_note() -> Path:
    """Return the file in which a failed download leaves its message, so that `make repro` can tell that from others."""
    return run_store_folder() / "data-unreachable.txt"
