"""A real Dask scheduler and its workers, processes of their own on the loopback interface."""

import json
import os
import shutil
import subprocess
import sys
from contextlib import contextmanager

from support.paths import ROOT
from support.servers import wait_until


def quick_sources(folder):
    """Return a copy of the code, in a new folder, that trains in no time; what decides bits is equal in it."""
    shutil.copytree(ROOT / "src", folder, ignore=shutil.ignore_patterns("__pycache__"))
    with open(folder / "lenet/runs/trainer.py", "a") as file:
        file.write((ROOT / "tests/support/quick_training.py").read_text())
    return folder


class Cluster:
    """A scheduler, and the workers that it is given."""

    def __init__(self, folder, protocol):
        self.without_the_project = folder / "sources"
        (self.without_the_project / "lenet").mkdir(parents=True)
        (self.without_the_project / "lenet/__init__.py").touch()  # hides the one that is installed
        self._folder, self._protocol, self.workers = folder, protocol, []
        self.scheduler = self._started("scheduler", "--port", "0", PYTHONPATH=str(self.without_the_project))
        file = folder / "scheduler.json"
        wait_until(lambda: file.is_file() and file.read_text().endswith("}"), within_s=60)
        self.address = json.loads(file.read_text())["address"]

    def start_worker(self, sources=ROOT / "src", **environment):
        """Start a worker of one thread with the code in a folder."""
        arguments = ("--no-nanny", "--nthreads", "1")
        self.workers.append(self._started("worker", *arguments, PYTHONPATH=str(sources), **environment))

    def stop(self):
        for process in (*self.workers, self.scheduler):
            process.kill()
            process.wait()

    def _started(self, kind, *arguments, **environment):
        command = [sys.executable, "-m", f"distributed.cli.dask_{kind}", "--scheduler-file", "scheduler.json"]
        command += ["--host", "127.0.0.1", "--protocol", self._protocol, "--no-dashboard", *arguments]
        with open(self._folder / f"{kind}.log", "ab") as log:
            own = {"DASK_TEMPORARY_DIRECTORY": str(self._folder), **environment}
            return subprocess.Popen(command, cwd=self._folder, env=os.environ | own, stdout=log, stderr=log)


@contextmanager
def cluster(folder, protocol="tcp"):
    """Yield a cluster without workers, in a new folder; its scheduler does not know this project."""
    running = Cluster(folder, protocol)
    try:
        yield running
    finally:
        running.stop()


def certificates(folder):
    """Make a certificate and return the variables by which Dask's processes show it, and trust it alone."""
    key, certificate = folder / "key.pem", folder / "certificate.pem"
    command = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=cluster"]
    subprocess.run([*command, "-keyout", key, "-out", certificate], check=True, capture_output=True)
    files = {"CA_FILE": certificate}
    for role in ("CLIENT", "SCHEDULER", "WORKER"):
        files |= {f"{role}__KEY": key, f"{role}__CERT": certificate}
    return {f"DASK_DISTRIBUTED__COMM__TLS__{name}": str(path) for name, path in files.items()}
