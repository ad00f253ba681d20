"""A PostgreSQL server for the tests, run with Debian's programs in a temporary folder and on a free port."""

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
# The data is temporary: committed data must survive a crash of PostgreSQL, but not a power cut.
_SETTINGS = ("fsync=off", "full_page_writes=off", "unix_socket_directories=")
_WAIT = ("--wait", "--timeout=300")


def _programs():
    """Return the folder with the programs (initdb, pg_ctl) of the newest PostgreSQL.

    Debian has one such folder for each major release of PostgreSQL.
    """
    folders = [folder for folder in _PROGRAMS.glob("*/bin") if (folder / "initdb").is_file()]
    if not folders:
        # In continuous integration every test must run, so a missing program is a failure.
        fail_or_skip = pytest.fail if os.environ.get("CI") else pytest.skip
        fail_or_skip("needs PostgreSQL (Debian: apt-get install postgresql)")
    return max(folders, key=lambda folder: int(folder.parent.name))


class Cluster:
    """A PostgreSQL server with its databases. Clients must log in as the user `lenet` with a password."""

    def __init__(self, folder):
        self._programs, self._folder, self._data = _programs(), folder, folder / "data"
        # PostgreSQL refuses to run as root. If root runs the tests, it runs as Debian's user `postgres`.
        self._user = {"user": "postgres", "group": "postgres", "extra_groups": []} if os.geteuid() == 0 else {}
        if self._user:
            shutil.chown(folder, "postgres", "postgres")
        self.port = free_port()
        password = folder / "password"
        password.write_text(_PASSWORD)
        password.chmod(0o644)  # other users cannot enter the folder
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
        """End the server at once, as in a crash. The server closes no connection properly."""
        self._run("pg_ctl", "stop", *_WAIT, "--mode=immediate")

    def address(self, database, password=_PASSWORD):
        return f"postgresql://lenet:{password}@127.0.0.1:{self.port}/{database}"

    def create(self, database, template="template1"):
        """Create a database as a copy of the database `template`; return the new database's address."""
        self._execute(f'CREATE DATABASE "{database}" TEMPLATE "{template}"')
        return self.address(database)

    def disconnect(self, database):
        """End all connections to a database.

        PostgreSQL refuses to copy a database (see `create`) while anyone is connected to it.
        """
        self._execute(f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{database}'")

    def drop(self, database):
        """Drop a database, even if clients are connected to it."""
        self._execute(f'DROP DATABASE "{database}" WITH (FORCE)')

    def _execute(self, statement):
        import psycopg

        with psycopg.connect(self.address("postgres"), autocommit=True) as connection:
            connection.execute(statement)

    def _run(self, program, *arguments):
        command = [self._programs / program, f"--pgdata={self._data}", *arguments]
        # Discard stdout: the server that pg_ctl starts keeps it open, so `run` would wait for its end.
        done = subprocess.run(
            command, cwd=self._folder, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, **self._user
        )
        assert done.returncode == 0, done.stderr.decode()


@contextmanager
def running_cluster():
    """Run a PostgreSQL server and yield it.

    The server's folder is outside pytest's folders, because the user `postgres` cannot enter pytest's folders.
    """
    with tempfile.TemporaryDirectory(prefix="lenet-postgresql-") as folder:
        cluster = Cluster(Path(folder))
        try:
            cluster.start()
            yield cluster
        finally:
            cluster.stop()
