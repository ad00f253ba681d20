"""The server of a model: MLflow's own scoring server, behind a check that what is posted is digits.

MLflow casts before it checks: it takes 0.5 for 0, so that pixels scaled to 0…1 would be read as an empty image, and "7"
and true for numbers. A request without a content type, or with brackets too deep, ends in its error 500 (3.17).
"""

import json

# The width and height of a digit, in pixels.
_SIDE = 28
_EXPECTED = (
    f'expected {{"inputs": [digit, …]}}, a digit being {_SIDE} rows of {_SIDE} integers from 0 (background) to 255'
)


def load_app(model_uri: str):
    """Return the ASGI app that scores with a model of the store; raise what MLflow raises."""
    from mlflow.pyfunc import load_model, scoring_server
    from starlette.responses import JSONResponse

    app = scoring_server.init(load_model(model_uri))

    @app.middleware("http")
    async def refuse_what_is_no_digit(request, call_next):
        if request.method == "POST" and request.url.path == "/invocations":
            try:
                check_type(request.headers.get("content-type", ""))
                check_digits(await request.body())
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
    if not isinstance(payload, dict) or set(payload) != {"inputs"}:
        found = f"the keys {list(payload)}" if isinstance(payload, dict) else _shown(payload)
        raise ValueError(f"found {found}: {_EXPECTED}")
    digits = payload["inputs"]
    if not isinstance(digits, list) or not digits:
        raise ValueError(f"inputs holds no digit: {_EXPECTED}")
    for number, digit in enumerate(digits):
        _check_digit(f"inputs[{number}]", digit)


def _check_digit(where: str, digit: object) -> None:
    _check_length(where, digit, "rows")
    for y, row in enumerate(digit):
        _check_length(f"{where}[{y}]", row, "pixels")
        for x, pixel in enumerate(row):
            if type(pixel) is not int or not 0 <= pixel <= 255:  # not isinstance: True is an int too
                raise ValueError(f"{where}[{y}][{x}] is {_shown(pixel)}: expected an integer from 0 to 255")


def _check_length(where: str, found: object, what: str) -> None:
    if not isinstance(found, list):
        raise ValueError(f"{where} is {_shown(found)}: expected a list of {_SIDE} {what}")
    if len(found) != _SIDE:
        raise ValueError(f"{where} has {len(found)} {what}: expected {_SIDE}")


def _shown(value: object) -> str:
    text = json.dumps(value)
    return text if len(text) <= 40 else f"{text[:40]}…"
