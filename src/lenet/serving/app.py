"""The server of a model: MLflow's own scoring server, behind a check that the request holds digits.

MLflow casts before it checks: it takes 0.5 for 0, so that pixels scaled to 0…1 would be read as an empty image, and "7"
and true for numbers. A request without a content type, or with brackets too deep, ends in its error 500 (3.17).
"""

import asyncio
import json
import re
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from pydantic import BaseModel, ConfigDict, FailFast, Field, ValidationError

from lenet.workspace import DRAW, PAGE, project_root

if TYPE_CHECKING:
    from collections.abc import Callable

    from fastapi import FastAPI
    from starlette.middleware.base import RequestResponseEndpoint
    from starlette.requests import Request
    from starlette.responses import Response

# The width and height of a digit, in pixels.
_SIDE = 28
_EXPECTED = (
    'expected {"inputs": [digit, …]} of 1 to 1000 digits, '
    f"each {_SIDE} rows of {_SIDE} integers from 0 (background) to 255"
)
# A thousand digits of three figures, commas and blanks have 4 MB.
BODY_LIMIT = 5_000_000
TIME_LIMIT_S = 30
_LOCAL = re.compile(r"(127\.0\.0\.1|localhost)(:[0-9]{1,5})?")
# Each list ends at its first mistake: a thousand wrong digits have 784,000.
_Pixel = Annotated[int, Field(strict=True, ge=0, le=255)]
_Row = Annotated[list[_Pixel], Field(min_length=_SIDE, max_length=_SIDE), FailFast()]
_Digit = Annotated[list[_Row], Field(min_length=_SIDE, max_length=_SIDE), FailFast()]


class _Digits(BaseModel):
    """What may be posted. Read and checked by pydantic's compiled parser: a thousand digits in a tenth of a second."""

    model_config = ConfigDict(extra="forbid")
    inputs: Annotated[list[_Digit], Field(min_length=1, max_length=1000), FailFast()]


class RefusedError(Exception):
    """A request that is not answered: its HTTP status, and the reason."""

    def __init__(self, status: int, reason: str) -> None:
        super().__init__(reason)
        self.status = status


def load_app(model_uri: str) -> "FastAPI":
    """Return the ASGI app that scores with a model of the store; raise what MLflow raises."""
    from mlflow.pyfunc import load_model, scoring_server

    app = scoring_server.init(load_model(model_uri))
    guard(app)
    for path, page in {"/": DRAW, "/draw.html": DRAW, "/index.html": PAGE}.items():
        app.add_api_route(path, _answer_with(project_root() / page), include_in_schema=False)
    return app


def guard(app: "FastAPI") -> None:
    """Let an app answer requests of this machine only, and of those posted to /invocations only digits."""
    from starlette.concurrency import run_in_threadpool
    from starlette.responses import JSONResponse

    @app.middleware("http")
    async def refuse_all_but_digits(request: "Request", call_next: "RequestResponseEndpoint") -> "Response":
        try:
            check_origin(request.headers.get("host", ""), request.headers.get("origin"))
            async with asyncio.timeout(TIME_LIMIT_S):
                if request.method == "POST" and request.scope["path"] == "/invocations":
                    check_length(request.headers.get("content-length"), request.headers.get("transfer-encoding"))
                    check_type(request.headers.get("content-type", ""))
                    await run_in_threadpool(check_digits, await request.body())
                return await call_next(request)
        except RefusedError as error:
            return JSONResponse({"error_code": "BAD_REQUEST", "message": str(error)}, status_code=error.status)
        except TimeoutError:
            return JSONResponse({"error_code": "TIMEOUT", "message": f"not answered in {TIME_LIMIT_S} s"}, 503)


def _answer_with(page: Path) -> "Callable[[], Response]":
    """Return what answers with a page, or says how to make it."""
    from starlette.responses import FileResponse, PlainTextResponse

    def answer() -> "Response":
        missing = f"{page.name} is missing: run `dvc repro plot`, or `git restore reports`"
        return FileResponse(page) if page.is_file() else PlainTextResponse(missing, 404)

    return answer


def check_origin(host: str, origin: str | None) -> None:
    """Raise RefusedError unless a request is meant for this machine and does not come from another site's page.

    A page elsewhere can give its own name this machine's address, and then post here (DNS rebinding).
    """
    if not _LOCAL.fullmatch(host):
        raise RefusedError(403, f"host {host or 'missing'}: expected 127.0.0.1 or localhost")
    if origin is not None and not _LOCAL.fullmatch(origin.removeprefix("http://")):
        raise RefusedError(403, f"origin {origin}: expected http://127.0.0.1 or http://localhost")


def check_length(length: str | None, transfer_encoding: str | None = None) -> None:
    """Raise RefusedError unless the body's length is stated, holds, and is not above the limit."""
    if transfer_encoding:  # it would outweigh the length
        raise RefusedError(411, f"transfer encoding {transfer_encoding}: expected a content length")
    if length is None or not length.isdecimal():
        raise RefusedError(411, f"content length {length or 'missing'}: expected at most {BODY_LIMIT:,} bytes")
    if int(length) > BODY_LIMIT:
        raise RefusedError(413, f"content length {int(length):,}: expected at most {BODY_LIMIT:,} bytes")


def check_type(content_type: str) -> None:
    """Raise RefusedError unless the content type is JSON's."""
    if content_type.partition(";")[0].strip().lower() != "application/json":
        raise RefusedError(400, f"content type {content_type or 'missing'}: expected application/json")


def check_digits(body: bytes) -> None:
    """Raise RefusedError, with what is wrong and where, unless the body is JSON that holds digits."""
    try:
        _Digits.model_validate_json(body)
    except ValidationError as error:
        raise RefusedError(400, _first_mistake(error, body)) from None


def _first_mistake(error: ValidationError, body: bytes) -> str:
    # What is wrong with the whole body first: then no part of it was meant as asked.
    of_the_body = ("json_invalid", "model_type", "missing", "extra_forbidden")
    mistake = min(error.errors(include_url=False), key=lambda each: each["type"] not in of_the_body)
    if mistake["type"] == "json_invalid":
        return f"the body is not JSON ({mistake['ctx']['error']}): {_EXPECTED}"
    if mistake["type"] in of_the_body:
        return f"the body is {_cut(' '.join(body[:400].decode(errors='replace').split()))}: {_EXPECTED}"
    name, *places = mistake["loc"]
    return f"{name}{''.join(f'[{place}]' for place in places)} is {_shown(mistake['input'])}: {_EXPECTED}"


def _shown(value: object) -> str:
    if isinstance(value, list) and len(value) > _SIDE:
        value = value[:_SIDE]
    return _cut(json.dumps(value))


def _cut(text: str) -> str:
    return text if len(text) <= 40 else f"{text[:40]}…"
