"""A server that classifies posted images with a model and shows the report's pages.

It replaces MLflow's scoring server, which converts values before it checks them. MLflow's server turns 0.5 into 0, so
it would read an image with pixels scaled to 0…1 as an empty image. It also accepts "7" and true as numbers, and reads a
body three times. This server parses and checks a body in one pass.
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

# The width and height of an image, in pixels.
_SIDE = 28
# How many characters of a refused value an error message shows.
_MAX_SHOWN_CHARACTERS = 40
_EXPECTED = (
    'expected {"inputs": [image, …]} of 1 to 1000 images, '
    f"each {_SIDE} rows of {_SIDE} integers from 0 (background) to 255"
)
# In bytes. A thousand images take 4 MB: up to three characters for each pixel, a comma and a blank.
BODY_LIMIT = 5_000_000
TIME_LIMIT_S = 30
_LOCAL = re.compile(r"(127\.0\.0\.1|localhost)(:[0-9]{1,5})?")
# FailFast stops at the first mistake in a list, because a thousand wrong images would give 784,000 mistakes.
_Pixel = Annotated[int, Field(strict=True, ge=0, le=255)]
_Row = Annotated[list[_Pixel], Field(min_length=_SIDE, max_length=_SIDE), FailFast()]
_Image = Annotated[list[_Row], Field(min_length=_SIDE, max_length=_SIDE), FailFast()]


class _RequestBody(BaseModel):
    """The JSON body of a request. Pydantic's compiled parser checks a thousand images in a tenth of a second."""

    model_config = ConfigDict(extra="forbid")
    inputs: Annotated[list[_Image], Field(min_length=1, max_length=1000), FailFast()]


class RefusedError(Exception):
    """The server refuses a request. The message is the reason; `status` is the HTTP status of the answer."""

    def __init__(self, status: int, reason: str) -> None:
        super().__init__(reason)
        self.status = status


def load_app(model_uri: str) -> Starlette:
    """Return the ASGI app for a model in the MLflow store. Raises MLflow's exceptions."""
    from mlflow.pyfunc import load_model

    return make_app(load_model(model_uri).predict)


def make_app(predict: Callable[[np.ndarray], np.ndarray]) -> Starlette:
    """Return the ASGI app that classifies images with `predict`.

    predict: images, uint8 (n, 28, 28) → probabilities (n, 10).
    """

    async def invocations(request: Request) -> Response:
        _check_length(request.headers.get("content-length"), request.headers.get("transfer-encoding"))
        _check_type(request.headers.get("content-type", ""))
        images = await run_in_threadpool(read_images, await request.body())
        probabilities = await run_in_threadpool(predict, images)
        return JSONResponse({"predictions": probabilities.tolist()})

    def alive(request: Request) -> Response:
        return PlainTextResponse("\n")

    pages = {"/": DRAW, "/draw.html": DRAW, "/index.html": PAGE}
    return Starlette(
        routes=[
            Route("/invocations", invocations, methods=["POST"]),
            *(Route(path, alive) for path in ("/ping", "/health")),  # as in MLflow's server
            *(Route(path, _page_endpoint(project_root() / page)) for path, page in pages.items()),
        ],
        middleware=[Middleware(BaseHTTPMiddleware, dispatch=guard)],
    )


async def guard(request: Request, call_next: RequestResponseEndpoint) -> Response:
    """Answer a request from this machine, within the time limit.

    If the request is refused or takes too long, the answer is the reason, as JSON.
    """
    try:
        _check_origin(request.headers.get("host", ""), request.headers.get("origin"))
        async with asyncio.timeout(TIME_LIMIT_S):
            return await call_next(request)
    except RefusedError as error:
        return JSONResponse({"error_code": "BAD_REQUEST", "message": str(error)}, status_code=error.status)
    except TimeoutError:
        return JSONResponse({"error_code": "TIMEOUT", "message": f"no answer within {TIME_LIMIT_S} s"}, 503)


def _page_endpoint(page: Path) -> Callable[[Request], Response]:
    """Return the endpoint that answers with a page. If the page is missing, the answer says how to create it."""

    def answer(request: Request) -> Response:
        missing = f"{page.name} is missing: run `dvc repro plot`, or `git restore reports`"
        return FileResponse(page) if page.is_file() else PlainTextResponse(missing, 404)

    return answer


def _check_origin(host: str, origin: str | None) -> None:
    """Raise RefusedError if a request is addressed to another host, or comes from a web page of another site.

    host: the host to which the request is addressed. It is checked because of DNS rebinding: another site can let its
    own name resolve to this machine's address. Then the site's pages may post to this server.
    """
    if not _LOCAL.fullmatch(host):
        raise RefusedError(403, f"host {host or 'missing'}: expected 127.0.0.1 or localhost")
    if origin is not None and not _LOCAL.fullmatch(origin.removeprefix("http://")):
        raise RefusedError(403, f"origin {origin}: expected http://127.0.0.1 or http://localhost")


def _check_length(length: str | None, transfer_encoding: str | None = None) -> None:
    """Raise RefusedError unless the request states its body's length and this length is within the limit."""
    if transfer_encoding:  # it would override the stated length
        raise RefusedError(411, f"transfer encoding {transfer_encoding} is not accepted: send a content length instead")
    if length is None or not length.isdecimal():
        raise RefusedError(
            411, f"content length {length or 'missing'}: expected a number of bytes, at most {BODY_LIMIT:,}"
        )
    if int(length) > BODY_LIMIT:
        raise RefusedError(413, f"content length {int(length):,}: expected at most {BODY_LIMIT:,} bytes")


def _check_type(content_type: str) -> None:
    """Raise RefusedError unless the content type is application/json."""
    if content_type.partition(";")[0].strip().lower() != "application/json":
        raise RefusedError(400, f"content type {content_type or 'missing'}: expected application/json")


def read_images(body: bytes) -> np.ndarray:
    """Return the images in a JSON body as an array uint8 (n, 28, 28).

    Raises RefusedError if the body is wrong. The message says what is wrong and where.
    """
    try:
        return np.array(_RequestBody.model_validate_json(body).inputs, np.uint8)
    except ValidationError as error:
        raise RefusedError(400, _first_mistake(error, body)) from None


def _first_mistake(error: ValidationError, body: bytes) -> str:
    """Return a message about one mistake in a request's body.

    If the body as a whole is wrong, for example not JSON, the message is about the body. Otherwise it is about the
    first mistake in the images.
    """
    whole_body_types = ("json_invalid", "model_type", "missing", "extra_forbidden")
    mistake = min(error.errors(include_url=False), key=lambda mistake: mistake["type"] not in whole_body_types)
    if mistake["type"] == "json_invalid":
        return f"the body is not JSON ({mistake['ctx']['error']}): {_EXPECTED}"
    if mistake["type"] in whole_body_types:
        text = in_one_line(body[:400].decode(errors="replace"))
        return f"the body is {shortened(text, _MAX_SHOWN_CHARACTERS)}: {_EXPECTED}"
    name, *indices = mistake["loc"]
    return f"{name}{''.join(f'[{index}]' for index in indices)} is {_as_short_json(mistake['input'])}: {_EXPECTED}"


def _as_short_json(value: object) -> str:
    """Return a refused value as JSON, shortened for an error message."""
    if isinstance(value, list) and len(value) > _SIDE:
        value = value[:_SIDE]
    return shortened(json.dumps(value), _MAX_SHOWN_CHARACTERS)
