"""A real MLflow server in its own process, and a proxy in front of the server that replaces one answer by an error."""

import subprocess
import sys
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import requests

from support.servers import free_port, running, running_in_thread


@contextmanager
def mlflow_server(database, artifacts):
    """Run an MLflow server with this database and this folder of artifacts. Yield its address and its process."""
    port = free_port()
    address = f"http://127.0.0.1:{port}"
    command = [sys.executable, "-m", "mlflow", "server", "--host", "127.0.0.1", "--port", str(port)]
    command += ["--serve-artifacts", "--artifacts-destination", str(artifacts)]
    command += ["--workers", "1"]  # if there were several, uvicorn would kill one that is silent for 5 s
    settings = {
        "MLFLOW_BACKEND_STORE_URI": database,  # not as an option: every user of the machine can read options
        "MLFLOW_DISABLE_TELEMETRY": "true",
        "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false",
    }
    with running(command, f"{address}/health", subprocess.DEVNULL, **settings) as server:
        yield address, server


@contextmanager
def proxy_that_answers_502(address, request):
    """Run a proxy that forwards all requests to a server. Yield the proxy's address and a list of requested paths.

    The list grows with each request. It has the last two parts of each path, for example "runs/create".
    request: the last two parts of a path. The first request to this path also reaches the server, but the proxy
    changes the status of the server's answer to 502.
    """
    requested_paths = []

    class Handler(BaseHTTPRequestHandler):
        def forward(self):
            requested_paths.append("/".join(self.path.partition("?")[0].split("/")[-2:]))
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            headers = dict(self.headers) | {"Accept-Encoding": "identity"}
            del headers["Host"]
            answer = requests.request(self.command, address + self.path, data=body, headers=headers)
            is_replaced = requested_paths[-1] == request and requested_paths.count(request) == 1
            self.send_response(502 if is_replaced else answer.status_code)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(answer.content)))
            self.end_headers()
            self.wfile.write(answer.content)

        do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = forward  # noqa: N815

        def log_message(self, *_):
            pass

    with running_in_thread(ThreadingHTTPServer(("127.0.0.1", 0), Handler)) as proxy:
        yield f"http://127.0.0.1:{proxy.server_port}", requested_paths
