"""The server of a model: MLflow's own scoring server, behind a check that the request holds digits.

MLflow casts before it checks: it takes 0.5 for 0, so that pixels scaled to 0…1 would be read as an empty image, and "7"
and true for numbers. A request without a content type, or with brackets too deep, ends in its error 500 (3.17).
"""

import json
from typing import TYPE_CHECKING

from jsonschema import Draft202012Validator
from jsonschema.exceptions import best_match

if TYPE_CHECKING:
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
_PIXEL = {"type": "integer", "minimum": 0, "maximum": 255}
_ROW = {"type": "array", "minItems": _SIDE, "maxItems": _SIDE, "items": _PIXEL}
_DIGIT = {"type": "array", "minItems": _SIDE, "maxItems": _SIDE, "items": _ROW}
_DIGITS = Draft202012Validator(
    {
        "type": "object",
        "properties": {"inputs": {"type": "array", "minItems": 1, "maxItems": 1000, "items": _DIGIT}},
        "required": ["inputs"],
        "additionalProperties": False,
    }
)


def load_app(model_uri: str) -> "FastAPI":
    """Return the ASGI app that scores with a model of the store; raise what MLflow raises."""
    from mlflow.pyfunc import load_model, scoring_server
    from starlette.concurrency import run_in_threadpool
    from starlette.responses import JSONResponse

    app = scoring_server.init(load_model(model_uri))

    @app.middleware("http")
    async def refuse_all_but_digits(request: "Request", call_next: "RequestResponseEndpoint") -> "Response":
        if request.method == "POST" and request.url.path == "/invocations":
            try:
                check_type(request.headers.get("content-type", ""))
                await run_in_threadpool(check_digits, await request.body())
            except ValueError as error:
                return JSONResponse({"error_code": "BAD_REQUEST", "message": str(error)}, status_code=400)
        return await call_next(request)

    return app


def check_type(content_type: str) -> None:
    """Raise ValueError unless the content type is JSON's."""
    if content_type.partition(";")[0].strip().lower() != "application/json":
        raise ValueError(f"content type {content_type or 'missing'}: expected application/json")


def check_digits(body: bytes) -> None:
    """Raise ValueError, with what is wrong and where, unless the body is JSON that holds digits."""
    try:
        payload = json.loads(body)
    except (ValueError, RecursionError) as error:
        raise ValueError(f"the body is not JSON ({error}): {_EXPECTED}") from None
    mistake = best_match(_DIGITS.iter_errors(payload))
    if mistake is not None:
        where = mistake.json_path.removeprefix("$").removeprefix(".") or "the body"
        raise ValueError(f"{where} is {_shown(mistake.instance)}: {_EXPECTED}")


def _shown(value: object) -> str:
    text = json.dumps(value)
    return text if len(text) <= 40 else f"{text[:40]}…"
