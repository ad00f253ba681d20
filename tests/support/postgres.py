"""A PostgreSQL of the tests' own, by Debian's programs: a cluster in a temporary folder, on a free port."""

import os
import shutil
import subprocess
import tempfile
from contextlib import contextmanager
from pathlib import Path

import pytest

from support.servers import free_port

_PASSWORD = "s3cret"
_PROGRAMS = Path("/usr/lib/postgresql")
# Its data is thrown away: what it has committed needs to survive its own crash, but no power cut.
_SETTINGS = ("fsync=off", "full_page_writes=off", "unix_socket_directories=")
_WAIT = ("--wait", "--timeout=300")


def _programs():
    """The folder of the newest initdb and pg_ctl; Debian keeps one for each major release."""
    found = [folder for folder in _PROGRAMS.glob("*/bin") if (folder / "initdb").is_file()]
    if not found:
        # Where everything is meant to be tested, nothing is left out in silence.
        lacking = pytest.fail if os.environ.get("CI") else pytest.skip
        lacking("needs PostgreSQL (Debian: apt-get install postgresql)")
    return max(found, key=lambda folder: int(folder.parent.name))


class Cluster:
    """A server with databases; only who knows the password of its user `lenet` is let in."""

    def __init__(self, folder):
        self._programs, self._folder, self._data = _programs(), folder, folder / "data"
        # PostgreSQL refuses root: it then runs as the user that Debian's package brings.
        self._user = {"user": "postgres", "group": "postgres", "extra_groups": []} if os.geteuid() == 0 else {}
        if self._user:
            shutil.chown(folder, "postgres", "postgres")
        self.port = free_port()
        password = folder / "password"
        password.write_text(_PASSWORD)
        password.chmod(0o644)  # in a folder that is closed to others
        self._run(
            "initdb",
            "--username=lenet",
            "--auth=scram-sha-256",
            f"--pwfile={password}",
            "--no-sync",
            "--locale=C.UTF-8",
        )

    def start(self):
        options = [f"-h 127.0.0.1 -p {self.port}", *(f"-c {setting}" for setting in _SETTINGS)]
        self._run("pg_ctl", "start", *_WAIT, f"--log={self._folder / 'log'}", f"--options={' '.join(options)}")

    def stop(self):
        """End the server as a crash would: its connections break off."""
        self._run("pg_ctl", "stop", *_WAIT, "--mode=immediate")

    def address(self, database, password=_PASSWORD):
        return f"postgresql://lenet:{password}@127.0.0.1:{self.port}/{database}"

    def create(self, database, template="template1"):
        """Create a database as a copy of another; return its address."""
        self._do(f'CREATE DATABASE "{database}" TEMPLATE "{template}"')
        return self.address(database)

    def disconnect(self, database):
        """End all connections to a database: one that is copied may have none."""
        self._do(f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{database}'")

    def drop(self, database):
        """Drop a database, whoever is connected to it."""
        self._do(f'DROP DATABASE "{database}" WITH (FORCE)')

    def _do(self, statement):
        import psycopg

        with psycopg.connect(self.address("postgres"), autocommit=True) as connection:
            connection.execute(statement)

    def _run(self, program, *arguments):
        command = [self._programs / program, f"--pgdata={self._data}", *arguments]
        # Not the output of what stays behind: it would be waited for.
        done = subprocess.run(
            command, cwd=self._folder, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, **self._user
        )
        assert done.returncode == 0, done.stderr.decode()


@contextmanager
def running_cluster():
    """A cluster in a folder of its own: pytest's are closed to the user that PostgreSQL may need to run as."""
    with tempfile.TemporaryDirectory(prefix="lenet-postgresql-") as folder:
        cluster = Cluster(Path(folder))
        try:
            cluster.start()
            yield cluster
        finally:
            cluster.stop()
