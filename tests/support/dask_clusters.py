"""A real Dask scheduler and real Dask workers: processes on the loopback interface."""

import json
import os
import shutil
import subprocess
import sys
from contextlib import contextmanager

from support.paths import ROOT
from support.servers import wait_until


def quick_sources(folder):
    """Copy the code to a new folder, and return the folder. In the copy, `quick_training` replaces the training.

    Only runs/trainer.py differs from the original, and the digests of the code do not cover this file. So a driver with
    the original accepts Dask workers with the copy.
    """
    shutil.copytree(ROOT / "src", folder, ignore=shutil.ignore_patterns("__pycache__"))
    with open(folder / "lenet/runs/trainer.py", "a") as file:
        file.write((ROOT / "tests/support/quick_training.py").read_text())
    return folder


class DaskCluster:
    """A Dask scheduler, and the Dask workers that a test starts."""

    def __init__(self, folder, protocol):
        self.sources_without_project = folder / "sources"
        (self.sources_without_project / "lenet").mkdir(parents=True)
        (self.sources_without_project / "lenet/__init__.py").touch()  # hides the installed package
        self._folder, self._protocol, self.workers = folder, protocol, []
        self.scheduler = self._start("scheduler", "--port", "0", PYTHONPATH=str(self.sources_without_project))
        file = folder / "scheduler.json"
        wait_until(lambda: file.is_file() and file.read_text().endswith("}"), within_s=60)
        self.address = json.loads(file.read_text())["address"]

    def start_worker(self, sources=ROOT / "src", **environment):
        """Start a Dask worker that has one thread and imports the code in the folder `sources`."""
        arguments = ("--no-nanny", "--nthreads", "1")
        self.workers.append(self._start("worker", *arguments, PYTHONPATH=str(sources), **environment))

    def stop(self):
        for process in (*self.workers, self.scheduler):
            process.kill()
            process.wait()

    def _start(self, kind, *arguments, **environment):
        command = [sys.executable, "-m", f"distributed.cli.dask_{kind}", "--scheduler-file", "scheduler.json"]
        command += ["--host", "127.0.0.1", "--protocol", self._protocol, "--no-dashboard", *arguments]
        with open(self._folder / f"{kind}.log", "ab") as log:
            variables = {"DASK_TEMPORARY_DIRECTORY": str(self._folder), **environment}
            return subprocess.Popen(command, cwd=self._folder, env=os.environ | variables, stdout=log, stderr=log)


@contextmanager
def cluster(folder, protocol="tcp"):
    """Yield a cluster that has no Dask workers yet. The scheduler cannot import this project.

    folder: a new folder for the cluster's files.
    """
    dask_cluster = DaskCluster(folder, protocol)
    try:
        yield dask_cluster
    finally:
        dask_cluster.stop()


def certificates(folder):
    """Create a certificate in the folder, and return environment variables for Dask's processes.

    With these variables, the processes use this certificate and trust no other.
    """
    key, certificate = folder / "key.pem", folder / "certificate.pem"
    command = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=cluster"]
    subprocess.run([*command, "-keyout", key, "-out", certificate], check=True, capture_output=True)
    files = {"CA_FILE": certificate}
    for role in ("CLIENT", "SCHEDULER", "WORKER"):
        files |= {f"{role}__KEY": key, f"{role}__CERT": certificate}
    return {f"DASK_DISTRIBUTED__COMM__TLS__{name}": str(path) for name, path in files.items()}
