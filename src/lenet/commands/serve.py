"""`make serve`: publish new results to MLflow, then serve the champion on 127.0.0.1 until Ctrl-C.

The champion is the trained network with the lowest validation error.
"""

from starlette.applications import Starlette

from lenet import program
from lenet.commands import foreground
from lenet.errors import LabError
from lenet.network import determinism
from lenet.serving import app
from lenet.settings import load_settings
from lenet.tracking import mlflow_store, publish, registry

_MAX_CONNECTIONS = 32  # at the same time; further ones get HTTP status 503


def load_champion(dataset: str) -> Starlette:
    """Return the web app that serves a data set's champion; raise LabError if the data set has no champion yet."""
    with mlflow_store.failures_as_errors():
        models = registry.Registry(dataset)
        if not (uri := models.champion_uri()):
            raise LabError(
                f"{mlflow_store.redacted_uri()} has no champion of {models.name} yet: "
                "run `make repro`, which trains and registers one"
            )
        return app.load_app(uri)


def main() -> None:
    port = foreground.free_port("serve", default=5001)
    publish.main()
    determinism.prepare()  # the same settings of TensorFlow as in evaluation
    app = load_champion(load_settings().data.dataset)
    import uvicorn

    address = f"http://{foreground.HOST}:{port}"
    print(
        f"Draw in a browser: {address}/\nPost images to the champion: {address}/invocations\nCtrl-C stops the server.",
        flush=True,
    )
    uvicorn.run(app, host=foreground.HOST, port=port, limit_concurrency=_MAX_CONNECTIONS)


if __name__ == "__main__":
    program.run(main)
