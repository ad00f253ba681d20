"""A real MLflow server in a process of its own, and a proxy in front of it that answers badly where it is told to."""

import itertools
import os
import signal
import subprocess
import sys
import threading
import time
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import requests

from support.servers import free_port, wait_for


class Server:
    """An MLflow server on a database, which serves the artifacts of a folder.

    It can be started again at the same address.
    """

    def __init__(self, database, artifacts):
        self.port = free_port()
        self.address = f"http://127.0.0.1:{self.port}"
        self._database, self._artifacts = database, artifacts
        self.start()

    def start(self):
        options = {
            "--host": "127.0.0.1",
            "--port": str(self.port),
            "--workers": "1",  # of several, uvicorn kills one that a loaded machine keeps from answering within 5 s
            "--artifacts-destination": str(self._artifacts),
        }
        settings = {
            "MLFLOW_BACKEND_STORE_URI": self._database,  # not an option, which everyone on the machine could read
            "MLFLOW_DISABLE_TELEMETRY": "true",
            "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false",
        }
        self._process = subprocess.Popen(
            [sys.executable, "-m", "mlflow", "server", "--serve-artifacts", *itertools.chain(*options.items())],
            env=os.environ | settings,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        try:
            wait_for(f"{self.address}/health", self._process, within_s=300)
        except BaseException:
            self.kill()
            raise

    def signal(self, number):
        """Send a signal to the server and its workers."""
        with suppress(ProcessLookupError):
            os.killpg(self._process.pid, number)

    def kill(self):
        self.signal(signal.SIGKILL)
        self._process.wait()


@contextmanager
def mlflow_server(database, artifacts):
    server = Server(database, artifacts)
    try:
        yield server
    finally:
        server.kill()


class Proxy(ThreadingHTTPServer):
    """Passes requests on to a server. `faults`, path's end → faults, are met by as many requests, one after the other.

    A fault is a status to answer with after the request was passed on, or the seconds by which to answer late.
    `down`: all requests are answered with status 500 and not passed on. `asked` has the ends of the paths.
    """

    daemon_threads = True

    def __init__(self, target):
        super().__init__(("127.0.0.1", 0), _Handler)
        self.target, self.faults, self.down, self.asked = target, {}, False, []
        self.address = f"http://127.0.0.1:{self.server_port}"

    def handle_error(self, request, client_address):
        pass  # a client that does not wait any longer


@contextmanager
def proxy_of(server):
    with Proxy(server.address) as proxy:
        thread = threading.Thread(target=proxy.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        try:
            yield proxy
        finally:
            proxy.shutdown()
            thread.join()


class _Handler(BaseHTTPRequestHandler):
    def pass_on(self):
        proxy, end = self.server, "/".join(self.path.partition("?")[0].split("/")[-2:])
        proxy.asked.append(end)
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        if proxy.down:
            self.answer(500, b"{}")
            return
        headers = {name: value for name, value in self.headers.items() if name not in ("Host", "Accept-Encoding")}
        passed = requests.request(
            self.command, proxy.target + self.path, data=body, headers=headers | {"Accept-Encoding": "identity"}
        )
        fault = next(iter(proxy.faults.get(end, [])), None)
        if fault is not None:
            proxy.faults[end].pop(0)
        if isinstance(fault, float):
            time.sleep(fault)
        self.answer(fault if isinstance(fault, int) else passed.status_code, passed.content)

    do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = pass_on  # noqa: N815

    def answer(self, status, body):
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass
