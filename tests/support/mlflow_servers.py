"""A real MLflow server in a process of its own, and a proxy in front of it that spoils an answer."""

import subprocess
import sys
import threading
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import requests

from support.servers import free_port, running


@contextmanager
def mlflow_server(database, artifacts):
    """Run a server on a database, which serves the artifacts of a folder; yield its address and its process."""
    port = free_port()
    address = f"http://127.0.0.1:{port}"
    command = [sys.executable, "-m", "mlflow", "server", "--host", "127.0.0.1", "--port", str(port)]
    command += ["--serve-artifacts", "--artifacts-destination", str(artifacts)]
    command += ["--workers", "1"]  # of several, uvicorn kills one that does not answer within 5 s on a loaded machine
    settings = {
        "MLFLOW_BACKEND_STORE_URI": database,  # not an option, which everyone on the machine could read
        "MLFLOW_DISABLE_TELEMETRY": "true",
        "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false",
    }
    with running(command, f"{address}/health", subprocess.DEVNULL, **settings) as server:
        yield address, server


@contextmanager
def proxy_that_answers_502(address, request):
    """Run a proxy of a server; yield its address, and the ends of the paths that it is asked for, a list that grows.

    It passes all requests on. The first one whose path ends with `request` it then answers with status 502.
    """
    asked = []

    class Handler(BaseHTTPRequestHandler):
        def pass_on(self):
            asked.append("/".join(self.path.partition("?")[0].split("/")[-2:]))
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            headers = dict(self.headers) | {"Accept-Encoding": "identity"}
            del headers["Host"]
            passed = requests.request(self.command, address + self.path, data=body, headers=headers)
            is_spoiled = asked[-1] == request and asked.count(request) == 1
            self.send_response(502 if is_spoiled else passed.status_code)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(passed.content)))
            self.end_headers()
            self.wfile.write(passed.content)

        do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = pass_on  # noqa: N815

        def log_message(self, *_):
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as proxy:
        thread = threading.Thread(target=proxy.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        yield f"http://127.0.0.1:{proxy.server_port}", asked
        proxy.shutdown()
        thread.join()
