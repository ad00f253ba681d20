"""`make ui`: publish new results to MLflow, and serve MLflow's UI on 127.0.0.1 until Ctrl-C.

The results are published while the server runs: first the variants of the primary comparison, then all others.
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
    """Serve MLflow's UI for an MLflow store in a database; return the server's exit status.

    uri: the address of the database.
    """
    settings = {
        "MLFLOW_BACKEND_STORE_URI": uri,  # not an argument: everyone on the machine can read those
        "MLFLOW_DISABLE_TELEMETRY": "true",
        "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false",
        "PYTHONWARNINGS": "ignore",  # deprecation warnings of MLflow's libraries
    }
    command = [sys.executable, "-m", "mlflow", "ui", "--host", HOST, "--port", str(port), "--workers", "1"]
    return foreground.run(command, os.environ | settings)


def print_addresses(pages: Mapping[str, str], port: int) -> None:
    """Print the title and the address of each page. pages: title → path."""
    for title, path in pages.items():
        print(f"{title}: http://{HOST}:{port}{path}", flush=True)


def main() -> None:
    uri = mlflow_store.uri()
    if uri.startswith(("http://", "https://")):
        from lenet.tracking import publish

        publish.main()
        print(f"The MLflow store is a server with a UI of its own: {mlflow_store.redacted_uri()}")
        return
    port = foreground.free_port("ui", default=5000)
    with mlflow_store.failures_as_errors():
        mlflow_store.open_client()  # creates the database before the server can

    def publish_and_show(publish: ModuleType) -> None:
        from lenet.tracking import runs

        primary_pages = publish.comparison_paths(publish.publish_variants(load_settings().comparison.primary))
        print_addresses(primary_pages, port)
        all_pages = publish.comparison_paths(publish.publish_all())
        print_addresses(
            {title: path for title, path in all_pages.items() if title not in primary_pages}
            | runs.variant_list_paths(),
            port,
        )
        print("To compare two runs, tick both in a list and press Compare. Ctrl-C stops the server.", flush=True)

    Publisher().add(publish_and_show)
    try:
        status = serve(uri, port)
    except KeyboardInterrupt:
        return  # Ctrl-C is the usual way to stop the server
    if status:
        raise LabError("MLflow's UI stopped: see the message above")


if __name__ == "__main__":
    program.run(main)
