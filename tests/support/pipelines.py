"""The real pipeline on scikit-learn's digits, in temporary repositories. The repositories' paths contain a space."""

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

from lenet.tracking import mlflow_store
from support.mlflow_runs import runs_in
from support.params import COMPARED, edit_params
from support.paths import ROOT

ENVIRONMENT = {
    **{name: value for name, value in os.environ.items() if name not in ("PYTHONPATH", "MNIST_MIRROR")},
    "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
    "DVC_NO_ANALYTICS": "true",
}

# With these variables, a command publishes nothing to MLflow.
WITHOUT_MLFLOW = mlflow_store.disabled_environment()
# Three variants of the study. Together they use both engines, tanh and ReLU, SGD and Adam.
VARIANTS = ("tanh_sgd", "relu_adam", "lenet5_1998")


PRINT_MISSING = """
import json
from lenet.execution.schedule import missing_runs, planned_runs
from lenet.settings import load_settings

settings = load_settings()
runs = missing_runs(planned_runs(settings, list(settings.variants)))
print(json.dumps(sorted({variant for run in runs for variant in run.variants})))
"""


class Repository:
    """A checkout in which tests run commands, as a person does."""

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

        return runs_in(mlflow.MlflowClient(f"sqlite:///{self.path / 'mlflow.db'}"))

    def statuses(self):
        """Return (name, status) of each MLflow run, sorted."""
        return sorted((run.info.run_name, run.info.status) for run in self.runs())

    def entries(self):
        """Return the digests of the runs in the run store."""
        return {path.name for path in (self.path / ".runs").glob("*") if len(path.name) == 64}

    def variants_to_train(self):
        """Return the variants with runs that the run store lacks."""
        return json.loads(self.run("python", "-c", PRINT_MISSING, PYTHONPATH="src").stdout)

    def partial_files(self):
        """Return the paths of files that a command left half-written."""
        return [path for path in self.path.rglob(".*.partial") if ".git" not in path.parts]


def stages_run(done):
    """Return the stages that DVC ran, according to a command's output."""
    return re.findall(r"^Running stage '(.*)'", done.stdout, flags=re.MULTILINE)


def trained_runs(done):
    """Return how many runs a command trained, according to its output."""
    return sum(map(int, re.findall(r"^(\d+) runs? in \d+ s:", done.stdout, flags=re.MULTILINE)))


def new_repository(path, seeds, epochs):
    """Return a new git repository: this checkout without results, with three variants on scikit-learn's digits."""
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
class Interruption:
    """How a signal ended `make repro`: the exit status, the printed text, and what was left behind.

    half_written: the paths of half-written files. entries: the number of runs in the run store.
    """

    status: int
    stdout: str
    stderr: str
    half_written: list[str]
    entries: int


def interrupt_repro(repository, signal_number):
    """Run `make repro`. Send it a signal when the first run is stored and other runs train. Return how it ended."""
    folder = repository.path.parent / "temporary"
    folder.mkdir(exist_ok=True)
    with subprocess.Popen(
        ["python", "-m", "lenet.commands.repro"],
        cwd=repository.path,
        env=ENVIRONMENT | {"PYTHONPATH": "src", "TMPDIR": str(folder)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    ) as process:
        lines = [process.stderr.readline()]
        while "runs finished" not in lines[-1]:
            assert lines[-1], f"it ended before a run was stored: {''.join(lines)}"
            lines.append(process.stderr.readline())
        os.killpg(process.pid, signal_number)
        stdout, stderr = process.communicate()
    half_written = [str(path) for path in [*repository.partial_files(), *folder.glob("lenet-*")]]
    shutil.rmtree(folder)
    return Interruption(process.returncode, stdout, stderr, half_written, len(repository.entries()))


def make_pipeline(folder):
    """Make the repository of the fixture `pipeline`.

    Start `make repro` three times, as the fixture's docstring describes. Then write to
    record.json, a file beside the repository, how each `make repro` ended.
    """
    repository = new_repository(folder / "lenet lab", seeds=[0, 1], epochs=2)
    interruptions = [interrupt_repro(repository, number) for number in (signal.SIGHUP, signal.SIGKILL)]
    done = repository.module("commands.repro")
    repository.commit()
    (folder / "record.json").write_text(
        json.dumps([[asdict(interruption) for interruption in interruptions], done.stdout, done.stderr])
    )


def listed_files():
    """Return the checkout's files that git tracks or does not ignore."""
    command = ["git", "ls-files", "--cached", "--others", "--exclude-standard"]
    names = subprocess.run(command, cwd=ROOT, capture_output=True, text=True).stdout.splitlines()
    return [name for name in names if (ROOT / name).is_file()]


def code_digest():
    """Return one digest of this module and of all files outside tests/."""
    files = [Path(__file__), *(ROOT / name for name in listed_files() if not name.startswith("tests/"))]
    return hashlib.sha256("".join(hashlib.sha256(file.read_bytes()).hexdigest() for file in files).encode()).hexdigest()


@pytest.fixture(scope="session")
def pipeline(tmp_path_factory, pytestconfig):
    """A committed repository in which `make repro` has run: three variants, two seeds, two epochs.

    `make repro` was started three times. The first time its terminal was closed, the second time it was killed, the
    third time it finished. The first pytest process that needs the repository makes it, and each process works on a
    copy. With --reuse-pipeline, each process copies the repository that an earlier test run made, unless `code_digest`
    has changed since.
    """
    shared, earlier_folders = tmp_path_factory.getbasetemp(), pytestconfig.cache.get("pipeline", {})
    if "PYTEST_XDIST_WORKER" in os.environ:
        shared = shared.parent
    folder, digest = shared / "with a space", code_digest()
    with FileLock(shared / "pipeline.lock"):
        if (
            pytestconfig.getoption("--reuse-pipeline")
            and earlier_folders.get(digest)
            and Path(earlier_folders[digest]).is_dir()
        ):
            folder = Path(earlier_folders[digest])
        elif not (folder / "record.json").exists():
            make_pipeline(folder)
            pytestconfig.cache.set("pipeline", {digest: str(folder)})
    interruptions, stdout, stderr = json.loads((folder / "record.json").read_text())
    repository = Repository(folder / "lenet lab").copy(tmp_path_factory.mktemp("with a space") / "lenet lab")
    repository.interruptions = [Interruption(**fields) for fields in interruptions]
    repository.last_repro = subprocess.CompletedProcess("make repro", 0, stdout, stderr)
    return repository


@pytest.fixture
def repository(pipeline, tmp_path):
    """A copy of the fixture `pipeline` that the test may change. One worker trains, because each imports TensorFlow."""
    repository = pipeline.copy(tmp_path / "with a space")
    with repository.params() as params:
        params["compute"]["workers"] = 1
    repository.commit()
    return repository
