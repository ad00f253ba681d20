"""Download a data set from the user's mirror or from public mirrors, with limits on time and size.

A file is accepted only if its SHA-256 is right, so it does not matter which source serves it.
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
from lenet.mnist.datasets import Dataset, PublishedFile
from lenet.redaction import redacted
from lenet.workspace import project_root, run_store_folder

if TYPE_CHECKING:
    import requests

CONNECT_TIMEOUT_S = 10
STALL_TIMEOUT_S = 20
SOURCE_TIMEOUT_S = 180
_CHUNK = 1 << 16
# How many bytes gzip may add: its header with a file name, and its trailer. MNIST's files always become smaller.
_GZIP_OVERHEAD = 1024


class SourceError(Exception):
    """A source could not serve a file; the message says why. `fetch_all` then tries the next source."""


@contextmanager
def time_limit(seconds: float) -> Iterator[None]:
    """Raise SourceError if the `with` block takes longer than `seconds`, even if a server still sends bytes slowly.

    This uses a timer signal, because the timeout of a connection limits only the wait for the next byte.
    """

    def stop(*_: object) -> None:
        raise SourceError(f"not finished after {seconds:g} s")

    former_handler = signal.signal(signal.SIGALRM, stop)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, former_handler)


def fetch(source: str, file: PublishedFile) -> bytes:
    """Return the uncompressed content of a file from a source; raise SourceError if the source cannot serve it.

    source: a folder or a base URL.
    """
    import urllib3

    try:
        content = _read(source, file)
    # requests does not wrap all errors of urllib3. An invalid host name, or a length that is not a number, raises
    # ValueError; the home folder of an unknown user raises RuntimeError.
    except (OSError, ValueError, RuntimeError, urllib3.exceptions.HTTPError) as error:
        raise SourceError(_innermost(error)) from None
    with suppress(zlib.error):  # a file in a folder may be uncompressed, and some servers unpack a .gz
        content = zlib.decompressobj(wbits=31).decompress(content, file.size + 1)
    if hashlib.sha256(content).hexdigest() != file.sha256:
        raise SourceError(f"the SHA-256 of {file.name} is not that of the published file")
    return content


def _read(source: str, file: PublishedFile) -> bytes:
    """Return the content of a file as the source stores it, compressed or not.

    source: a base URL, or a folder. The path of a folder may begin with ~ or file:.
    """
    address = urlsplit(source)
    if address.scheme in ("http", "https"):
        return _from_web(f"{address.geturl().rstrip('/')}/{file.name}.gz", file.size + _GZIP_OVERHEAD)
    if address.scheme == "file":
        return _from_folder(Path(unquote(address.path)), file.name)
    if address.scheme and address.netloc:
        raise SourceError("expected a folder, or a URL that begins with https:// or http://")
    return _from_folder(project_root() / Path(source).expanduser(), file.name)


def _from_folder(folder: Path, name: str) -> bytes:
    """Read `name`.gz or `name` from a folder.

    The file's name may also have .idx in place of -idx, because some tools unpack the files under such names.
    """
    for spelling in (name, name.replace("-idx", ".idx")):
        for path in (folder / f"{spelling}.gz", folder / spelling):
            if path.is_file():
                return path.read_bytes()
    if not folder.is_dir():
        raise SourceError(f"{folder} {'is a file: name its folder' if folder.is_file() else 'does not exist'}")
    similar = get_close_matches(name, (path.name for path in folder.iterdir()), n=1)
    raise SourceError(f"{folder} has no {name}.gz{f', but {similar[0]}' if similar else ''}")


def _from_web(url: str, limit: int) -> bytes:
    """Download a URL and return its content. Redirects from https:// to http:// are refused.

    Raises SourceError if the content has more than `limit` bytes.
    """
    import requests
    from tqdm import tqdm

    content = bytearray()
    with requests.Session() as session:
        if url.startswith("https://"):
            del session.adapters["http://"]
        session.hooks["response"].append(_discard_redirect_body)
        with session.get(url, stream=True, timeout=(CONNECT_TIMEOUT_S, STALL_TIMEOUT_S)) as response:
            response.raise_for_status()
            length = int(response.headers.get("content-length", 0)) or None
            # disable=None: no progress bar in log files.
            bar = tqdm(total=length, desc=Path(url).name, unit="B", unit_scale=True, disable=None, leave=False)
            with bar:
                for chunk in response.iter_content(_CHUNK):
                    content += chunk
                    bar.update(len(chunk))
                    if len(content) > limit:
                        raise SourceError(f"sends more than the {limit:,} bytes expected")
    return bytes(content)


def _discard_redirect_body(response: "requests.Response", **_: object) -> None:
    """Discard the body of a redirect. Otherwise, `requests` would read the whole body, even a huge one."""
    if response.is_redirect:
        response.close()
        response.raw = io.BytesIO()


def _innermost(error: BaseException) -> str:
    """Describe, in one line, the innermost error of a chain of exceptions. The other errors only wrap it."""
    while error.__context__ is not None:
        error = error.__context__
    return f"{type(error).__name__}: {in_one_line(error)}"


def fetch_all(dataset: Dataset) -> dict[str, bytes]:
    """Download a data set's four files; return name → content. Each file comes from the first source that serves it.

    If no source serves a file, raises an error with the reason for each source. If only public mirrors were tried, the
    error is a DataUnreachableError. Otherwise it is a plain LabError, because the user can correct the setting.
    """
    own_mirror = os.environ.get(dataset.mirror_variable)
    expected = "a folder or base URL with the four .gz files"
    if not (own_mirror or dataset.mirrors):
        raise LabError(f"{dataset.title} has no public address: set {dataset.mirror_variable} to {expected}")
    content: dict[str, bytes] = {}
    reasons: list[str] = []
    for source in [own_mirror, *dataset.mirrors] if own_mirror else dataset.mirrors:
        try:
            with time_limit(SOURCE_TIMEOUT_S):
                for file in dataset.files:
                    if file.name not in content:
                        content[file.name] = fetch(source, file)
            return content
        except SourceError as error:
            reasons.append(shortened(redacted(f"{source}: {error}", source), 300))
            prefix = f"warning: {dataset.mirror_variable}=" if source == own_mirror else ""
            print(f"{prefix}{reasons[-1]}", file=sys.stderr)
    reason_lines = "".join(f"  {reason}\n" for reason in reasons)
    problem = f"{dataset.title} could not be downloaded from any source:\n{reason_lines}"
    if own_mirror:
        raise LabError(f"{problem}Set {dataset.mirror_variable} to {expected}, or unset it")
    raise DataUnreachableError(
        f"{problem}Connect to the internet, or set {dataset.mirror_variable} to {expected}; "
        "or try everything on the bundled digits: make demo"
    )


def unreachable_note_path() -> Path:
    """Return the path of the file into which a failed download writes its message.

    If the file exists after a failure, `make repro` knows that the download caused the failure.
    """
    return run_store_folder() / "data-unreachable.txt"
