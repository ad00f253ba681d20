"""The server of a model: it answers posted digits, as MLflow's scoring server would, and shows the reports' pages.

MLflow's own server casts before it checks: it takes 0.5 for 0, so that pixels scaled to 0…1 would be read as an empty
image, and "7" and true for numbers. It also reads a body three times over. Here a body is parsed and checked at once.
"""

import asyncio
import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Annotated

import numpy as np
from pydantic import BaseModel, ConfigDict, FailFast, Field, ValidationError
from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.middleware import Middleware
from starlette.middleware.base import BaseHTTPMiddleware, RequestResponseEndpoint
from starlette.requests import Request
from starlette.responses import FileResponse, JSONResponse, PlainTextResponse, Response
from starlette.routing import Route

from lenet.errors import in_one_line, shortened
from lenet.workspace import DRAW, PAGE, project_root

# The width and height of a digit, in pixels.
_SIDE = 28
# How many characters of what is refused a message shows.
_SHOWN = 40
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


def load_app(model_uri: str) -> Starlette:
    """Return the ASGI app that answers with a model of the store; raise what MLflow raises."""
    from mlflow.pyfunc import load_model

    return make_app(load_model(model_uri).predict)


def make_app(predict: Callable[[np.ndarray], np.ndarray]) -> Starlette:
    """Return the ASGI app that answers with a function of digits, uint8 (n, 28, 28) to probabilities (n, 10)."""

    async def invocations(request: Request) -> Response:
        _check_length(request.headers.get("content-length"), request.headers.get("transfer-encoding"))
        _check_type(request.headers.get("content-type", ""))
        digits = await run_in_threadpool(read_digits, await request.body())
        probabilities = await run_in_threadpool(predict, digits)
        return JSONResponse({"predictions": probabilities.tolist()})

    def alive(request: Request) -> Response:
        return PlainTextResponse("\n")

    pages = {"/": DRAW, "/draw.html": DRAW, "/index.html": PAGE}
    return Starlette(
        routes=[
            Route("/invocations", invocations, methods=["POST"]),
            *(Route(path, alive) for path in ("/ping", "/health")),  # as MLflow's server has them
            *(Route(path, _answer_with(project_root() / page)) for path, page in pages.items()),
        ],
        middleware=[Middleware(BaseHTTPMiddleware, dispatch=guard)],
    )


async def guard(request: Request, call_next: RequestResponseEndpoint) -> Response:
    """Answer requests of this machine only, in a bounded time, and say why one is refused."""
    try:
        _check_origin(request.headers.get("host", ""), request.headers.get("origin"))
        async with asyncio.timeout(TIME_LIMIT_S):
            return await call_next(request)
    except RefusedError as error:
        return JSONResponse({"error_code": "BAD_REQUEST", "message": str(error)}, status_code=error.status)
    except TimeoutError:
        return JSONResponse({"error_code": "TIMEOUT", "message": f"not answered in {TIME_LIMIT_S} s"}, 503)


def _answer_with(page: Path) -> Callable[[Request], Response]:
    """Return what answers with a page, or says how to make it."""

    def answer(request: Request) -> Response:
        missing = f"{page.name} is missing: run `dvc repro plot`, or `git restore reports`"
        return FileResponse(page) if page.is_file() else PlainTextResponse(missing, 404)

    return answer


def _check_origin(host: str, origin: str | None) -> None:
    """Raise RefusedError unless a request is meant for this machine and does not come from another site's page.

    A page elsewhere can give its own name this machine's address, and then post here (DNS rebinding).
    """
    if not _LOCAL.fullmatch(host):
        raise RefusedError(403, f"host {host or 'missing'}: expected 127.0.0.1 or localhost")
    if origin is not None and not _LOCAL.fullmatch(origin.removeprefix("http://")):
        raise RefusedError(403, f"origin {origin}: expected http://127.0.0.1 or http://localhost")


def _check_length(length: str | None, transfer_encoding: str | None = None) -> None:
    """Raise RefusedError unless the body's length is stated, holds, and is not above the limit."""
    if transfer_encoding:  # it would outweigh the length
        raise RefusedError(411, f"transfer encoding {transfer_encoding}: expected a content length")
    if length is None or not length.isdecimal():
        raise RefusedError(411, f"content length {length or 'missing'}: expected at most {BODY_LIMIT:,} bytes")
    if int(length) > BODY_LIMIT:
        raise RefusedError(413, f"content length {int(length):,}: expected at most {BODY_LIMIT:,} bytes")


def _check_type(content_type: str) -> None:
    """Raise RefusedError unless the content type is JSON's."""
    if content_type.partition(";")[0].strip().lower() != "application/json":
        raise RefusedError(400, f"content type {content_type or 'missing'}: expected application/json")


def read_digits(body: bytes) -> np.ndarray:
    """Return the digits in a body of JSON, uint8 (n, 28, 28); raise RefusedError, with what is wrong and where."""
    try:
        return np.array(_Digits.model_validate_json(body).inputs, np.uint8)
    except ValidationError as error:
        raise RefusedError(400, _first_mistake(error, body)) from None


def _first_mistake(error: ValidationError, body: bytes) -> str:
    # What is wrong with the whole body first: then no part of it was meant as asked.
    of_the_body = ("json_invalid", "model_type", "missing", "extra_forbidden")
    mistake = min(error.errors(include_url=False), key=lambda each: each["type"] not in of_the_body)
    if mistake["type"] == "json_invalid":
        return f"the body is not JSON ({mistake['ctx']['error']}): {_EXPECTED}"
    if mistake["type"] in of_the_body:
        return f"the body is {shortened(in_one_line(body[:400].decode(errors='replace')), _SHOWN)}: {_EXPECTED}"
    name, *places = mistake["loc"]
    return f"{name}{''.join(f'[{place}]' for place in places)} is {_shown(mistake['input'])}: {_EXPECTED}"


def _shown(value: object) -> str:
    if isinstance(value, list) and len(value) > _SIDE:
        value = value[:_SIDE]
    return shortened(json.dumps(value), _SHOWN)
