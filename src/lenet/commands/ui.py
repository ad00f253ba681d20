"""`make ui`: publish what the store lacks, then serve MLflow's UI on 127.0.0.1 until Ctrl-C."""

import os
import sys

from lenet import errors
from lenet.commands import foreground
from lenet.commands.foreground import HOST
from lenet.errors import LabError
from lenet.tracking import experiment, failures, publish
from lenet.tracking.client import open_client, redacted_uri, store_uri


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


def main() -> None:
    uri = store_uri()
    if uri.startswith(("http://", "https://")):
        publish.main()
        print(f"The store is a server with a UI of its own: {redacted_uri()}")
        return
    port = foreground.free_port("ui", default=5000)
    with failures.as_errors():
        compared = publish.comparison_pages(publish.publish_all())
        pages = experiment.pages(open_client())
    pages |= {f"baseline and best variant on {dataset}": page for dataset, page in compared.items()}
    print("MLflow, the variants side by side: tick two and press Compare. Ctrl-C stops the server.", flush=True)
    for name, page in pages.items():
        print(f"{name}: http://{HOST}:{port}{page}", flush=True)
    try:
        status = serve(uri, port)
    except KeyboardInterrupt:
        return  # its usual end
    if status:
        raise LabError("MLflow's UI ended: see above")


if __name__ == "__main__":
    errors.run(main)
