"""Read what a URL serves, within limits of size and waiting. What is asked for by https:// is read by https://."""

import io
from typing import TYPE_CHECKING, Any

from lenet.errors import in_one_line
from lenet.redaction import redacted

if TYPE_CHECKING:
    import requests

CONNECT_TIMEOUT_S = 10
STALL_TIMEOUT_S = 20
_CHUNK = 1 << 16


class SourceError(Exception):
    """Why a source could not serve a file. The next source is tried."""


class _Bounded(io.BytesIO):
    """A buffer that raises SourceError once it would hold more than `limit` bytes."""

    def __init__(self, limit: int) -> None:
        super().__init__()
        self._limit = limit

    def write(self, chunk: Any) -> int:
        if self.tell() + len(chunk) > self._limit:
            raise SourceError(f"sends more than the {self._limit:,} bytes expected")
        return super().write(chunk)


def fetch_url(url: str, limit: int) -> bytes:
    """Return what `url` serves, at most `limit` bytes; raise SourceError with the reason otherwise.

    Redirects are followed, but none from https:// to http://.
    """
    import requests
    import urllib3

    buffer = _Bounded(limit)
    try:
        with requests.Session() as session:
            if url.startswith("https://"):
                del session.adapters["http://"]
            followed = " or ".join(session.adapters)
            session.hooks["response"].append(_leave_redirect_unread)
            with session.get(url, stream=True, timeout=(CONNECT_TIMEOUT_S, STALL_TIMEOUT_S)) as response:
                if not response.ok:
                    raise SourceError(f"HTTP status {response.status_code}")
                _read(response, buffer, url.rsplit("/", 1)[-1])
    except requests.exceptions.InvalidSchema as error:
        raise SourceError(f"{_root_cause(error, url)}: redirects are followed to {followed} alone") from None
    except requests.ConnectTimeout:
        raise SourceError(f"no connection within {CONNECT_TIMEOUT_S} s") from None
    except requests.Timeout:
        raise SourceError(f"no answer within {STALL_TIMEOUT_S} s") from None
    # requests lets some errors of urllib3 through (for a misspelt host); a length that is no number is a ValueError.
    except (requests.RequestException, urllib3.exceptions.HTTPError, ValueError) as error:
        raise SourceError(_root_cause(error, url)) from None
    return buffer.getvalue()


def _leave_redirect_unread(response: "requests.Response", **_: object) -> None:
    """Keep requests from reading the body of a redirect, whatever its size, before it follows it."""
    if response.is_redirect:
        response.close()
        response.raw = io.BytesIO()


def _read(response: "requests.Response", buffer: _Bounded, name: str) -> None:
    """Read a body into the buffer, with a bar of progress in a terminal."""
    from tqdm import tqdm

    length = response.headers.get("content-length")
    # disable=None: no bar in log files.
    bar = tqdm(total=length and int(length), desc=name, unit="B", unit_scale=True, disable=None, leave=False)
    with bar:
        for chunk in response.iter_content(_CHUNK):
            buffer.write(chunk)
            bar.update(len(chunk))


def _root_cause(error: BaseException, url: str) -> str:
    """Return the exception at the start of a chain, in one line, without the secrets of the address."""
    while error.__context__ is not None:
        error = error.__context__
    text = redacted(f"{type(error).__name__}: {in_one_line(error)}", url)
    return text if len(text) < 200 else f"{text[:200]}…"
