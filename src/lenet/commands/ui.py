"""`make ui`: publish what the store lacks, and serve MLflow's UI on 127.0.0.1 until Ctrl-C.

The comparison of the primary contrast is published first; the rest follows while the server runs.
"""

import os
import sys
from collections.abc import Mapping
from types import ModuleType

from lenet import program
from lenet.commands import foreground
from lenet.commands.foreground import HOST
from lenet.commands.publisher import Publisher
from lenet.errors import LabError
from lenet.settings import load_settings
from lenet.tracking import mlflow_store


def serve(uri: str, port: int) -> int:
    """Serve the UI of a store that is a database; return the server's exit status."""
    settings = {
        "MLFLOW_BACKEND_STORE_URI": uri,  # not an argument, which everyone on the machine could read
        "MLFLOW_DISABLE_TELEMETRY": "true",
        "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false",
        "PYTHONWARNINGS": "ignore",  # its own libraries' deprecations
    }
    command = [sys.executable, "-m", "mlflow", "ui", "--host", HOST, "--port", str(port), "--workers", "1"]
    return foreground.run(command, os.environ | settings)


def show(pages: Mapping[str, str], port: int) -> None:
    """Print the addresses of pages: title → path."""
    for title, path in pages.items():
        print(f"{title}: http://{HOST}:{port}{path}", flush=True)


def main() -> None:
    uri = mlflow_store.uri()
    if uri.startswith(("http://", "https://")):
        from lenet.tracking import publish

        publish.main()
        print(f"The store is a server with a UI of its own: {mlflow_store.redacted_uri()}")
        return
    port = foreground.free_port("ui", default=5000)
    with mlflow_store.failures_as_errors():
        mlflow_store.open_client()  # creates the database, before the server would

    def publish_and_show(publish: ModuleType) -> None:
        from lenet.tracking import runs

        first = publish.comparison_pages(publish.publish_variants(load_settings().comparison.primary))
        show(first, port)
        compared = publish.comparison_pages(publish.publish_all())
        show({title: path for title, path in compared.items() if title not in first} | runs.list_pages(), port)
        print("In a list: tick two runs and press Compare. Ctrl-C stops the server.", flush=True)

    Publisher().add(publish_and_show)
    try:
        status = serve(uri, port)
    except KeyboardInterrupt:
        return  # its usual end
    if status:
        raise LabError("MLflow's UI ended: see above")


if __name__ == "__main__":
    program.run(main)
