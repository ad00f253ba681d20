"""`make ui`: publish what the store lacks, then serve MLflow's UI on 127.0.0.1 until Ctrl-C."""

import os
import sys

from lenet import errors, foreground, publish
from lenet.errors import LabError
from lenet.foreground import HOST
from lenet.store import shown_uri, store_uri


def serve(uri: str, port: int) -> int:
    """Serve the UI of a store that is a database; return the server's exit status."""
    settings = {
        "MLFLOW_BACKEND_STORE_URI": uri,  # not an argument, which everyone on the machine could read
        "MLFLOW_DISABLE_TELEMETRY": "true",
        "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false",
        "PYTHONWARNINGS": "ignore",  # its own libraries' deprecations
    }
    command = [sys.executable, "-m", "mlflow", "ui", "--host", HOST, "--port", str(port), "--workers", "1"]
    print(
        f"MLflow on http://{HOST}:{port} (Ctrl-C ends it): open an experiment, tick two runs, press Compare", flush=True
    )
    return foreground.run(command, os.environ | settings)


def main() -> None:
    uri, port = store_uri(), foreground.free_port("ui", default=5000)
    publish.main()
    if uri.startswith(("http://", "https://")):
        print(f"The store is a server with a UI of its own: {shown_uri()}")
        return
    try:
        status = serve(uri, port)
    except KeyboardInterrupt:
        return  # its usual end
    if status:
        raise LabError("MLflow's UI ended: see above")


if __name__ == "__main__":
    errors.run(main)
