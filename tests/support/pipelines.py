"""The real pipeline on the bundled digits, in repositories of their own whose path has a space."""

import hashlib
import json
import os
import re
import shutil
import signal
import subprocess
import sys
from dataclasses import asdict, dataclass
from pathlib import Path

import pytest
from filelock import FileLock

from support.params import COMPARED, edit_params
from support.paths import ROOT

ENVIRONMENT = {
    **{name: value for name, value in os.environ.items() if name not in ("PYTHONPATH", "MNIST_MIRROR")},
    "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
    "DVC_NO_ANALYTICS": "true",
}

# Of the study's variants, those that between them train in every way.
VARIANTS = ("tanh_sgd", "relu_adam", "lenet5_1998")


LACKING = """
import json
from lenet.execution.schedule import missing_runs, planned_runs
from lenet.settings import load_settings

settings = load_settings()
runs = missing_runs(planned_runs(settings, list(settings.variants)))
print(json.dumps(sorted({variant for run in runs for variant in run.variants})))
"""


class Repository:
    """A checkout to run commands in, as a person does."""

    def __init__(self, path):
        self.path = path

    def run(self, *command, status=0, **environment):
        done = subprocess.run(
            command, cwd=self.path, env=ENVIRONMENT | environment, capture_output=True, text=True, timeout=600
        )
        assert done.returncode == status, f"{command}: {done.returncode}\n{done.stdout}\n{done.stderr}"
        return done

    def dvc(self, *arguments, **options):
        return self.run("dvc", *arguments, **options)

    def module(self, name, *arguments, **options):
        return self.run("python", "-m", f"lenet.{name}", *arguments, PYTHONPATH="src", **options)

    def git(self, *arguments):
        return self.run("git", *arguments).stdout.strip()

    def commit(self):
        self.git("add", "--all")
        self.git("commit", "--quiet", "--message", "Keep the state")

    def edit(self, name, *replacements):
        path = self.path / name
        text = path.read_text()
        for old, new in replacements:
            assert old in text, old
            text = text.replace(old, new, 1)
        path.write_text(text)

    def params(self):
        return edit_params(self.path / "params.yaml")

    def copy(self, path):
        shutil.copytree(self.path, path, symlinks=True)
        return Repository(path)

    def lock(self):
        return (self.path / "dvc.lock").read_text()

    def runs(self):
        import mlflow

        client = mlflow.MlflowClient(f"sqlite:///{self.path / 'mlflow.db'}")
        return client.search_runs([each.experiment_id for each in client.search_experiments()])

    def statuses(self):
        """The name of each run in MLflow, with its status."""
        return sorted((run.info.run_name, run.info.status) for run in self.runs())

    def entries(self):
        return {path.name for path in (self.path / ".runs").glob("*") if len(path.name) == 64}

    def lacking(self):
        """The variants of which the run store lacks a run."""
        return json.loads(self.run("python", "-c", LACKING, PYTHONPATH="src").stdout)

    def partial(self):
        """What is half-written."""
        return [path for path in self.path.rglob(".*.partial") if ".git" not in path.parts]


def stages_run(done):
    """Return the stages that a `dvc repro` ran."""
    return re.findall(r"^Running stage '(.*)'", done.stdout, flags=re.MULTILINE)


def trained(done):
    """Return how many runs a command trained."""
    return sum(map(int, re.findall(r"^(\d+) runs in \d+ s:", done.stdout, flags=re.MULTILINE)))


def new_repository(path, seeds, epochs):
    """Return a committed repository of this checkout's files, without its results: three variants of the digits."""
    repository = Repository(path)
    for name in listed_files():
        if name != "dvc.lock" and not name.startswith("reports/"):
            (repository.path / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(ROOT / name, repository.path / name)
    repository.edit("dvc.yaml", ("reports/curves/modern.csv", "reports/curves/lenet5_1998.csv"))
    with repository.params() as params:
        params["data"]["dataset"] = "digits"
        params["seeds"] = seeds
        params["base"]["epochs"] = epochs
        for variant in set(params["variants"]) - set(VARIANTS):
            del params["variants"][variant], params["about"][variant]
        params["comparison"] = COMPARED | {
            "primary": ["relu_adam", "tanh_sgd"],
            "original": "lenet5_1998",
            "published": {"lenet5_1998": {"error_percent": 0.95, "source": "LeCun et al. 1998"}},
        }
    repository.git("init", "--quiet")
    repository.git("config", "user.name", "A Researcher")
    repository.git("config", "user.email", "researcher@example.org")
    repository.commit()
    return repository


@dataclass
class Interrupted:
    """How a `make repro` that got a signal ended, and what it left: half-written files, entries of the run store."""

    status: int
    said: str
    half_written: list[str]
    entries: int


def interrupted(repository, number):
    """Run `make repro` and send it a signal, as soon as its first run is stored and while others train."""
    folder = repository.path.parent / "temporary"
    folder.mkdir(exist_ok=True)
    with subprocess.Popen(
        ["python", "-m", "lenet.commands.repro"],
        cwd=repository.path,
        env=ENVIRONMENT | {"PYTHONPATH": "src", "TMPDIR": str(folder)},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    ) as process:
        while "runs finished" not in process.stderr.readline():
            assert process.poll() is None
        os.killpg(process.pid, number)
        said = process.stderr.read()
    half_written = [str(path) for path in [*repository.partial(), *folder.glob("lenet-*")]]
    shutil.rmtree(folder)
    return Interrupted(process.returncode, said, half_written, len(repository.entries()))


def make_pipeline(folder):
    """Make the repository of the fixture `pipeline` in a new folder, and a file beside it that says what was seen."""
    repository = new_repository(folder / "lenet lab", seeds=[0, 1], epochs=2)
    ended = [interrupted(repository, number) for number in (signal.SIGHUP, signal.SIGKILL)]
    done = repository.module("commands.repro")
    repository.commit()
    (folder / "seen.json").write_text(json.dumps([[asdict(each) for each in ended], done.stdout, done.stderr]))


def listed_files():
    """The checkout's files, as a commit of everything would have them."""
    command = ["git", "ls-files", "--cached", "--others", "--exclude-standard"]
    names = subprocess.run(command, cwd=ROOT, capture_output=True, text=True).stdout.splitlines()
    return [name for name in names if (ROOT / name).is_file()]


def digest_of_what_runs():
    files = [Path(__file__), *(ROOT / name for name in listed_files() if not name.startswith("tests/"))]
    return hashlib.sha256("".join(hashlib.sha256(file.read_bytes()).hexdigest() for file in files).encode()).hexdigest()


@pytest.fixture(scope="session")
def pipeline(tmp_path_factory, pytestconfig):
    """A committed repository in which `make repro` has run: three variants, two seeds, two epochs.

    It was begun three times: the first time its terminal was closed, the second time it was killed. It is made once, in
    the first of the tests' processes that asks for it; each process has a copy. With --reuse-pipeline it is that of the
    last tests, if nothing was edited since.
    """
    shared, known = tmp_path_factory.getbasetemp(), pytestconfig.cache.get("pipeline", {})
    if "PYTEST_XDIST_WORKER" in os.environ:
        shared = shared.parent
    folder, digest = shared / "with a space", digest_of_what_runs()
    with FileLock(shared / "pipeline.lock"):
        if pytestconfig.getoption("--reuse-pipeline") and known.get(digest) and Path(known[digest]).is_dir():
            folder = Path(known[digest])
        elif not (folder / "seen.json").exists():
            make_pipeline(folder)
            pytestconfig.cache.set("pipeline", {digest: str(folder)})
    ended, stdout, stderr = json.loads((folder / "seen.json").read_text())
    repository = Repository(folder / "lenet lab").copy(tmp_path_factory.mktemp("with a space") / "lenet lab")
    repository.ended = [Interrupted(**each) for each in ended]
    repository.last = subprocess.CompletedProcess("make repro", 0, stdout, stderr)
    return repository
