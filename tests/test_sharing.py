"""Results and models that others have made, in another branch or another commit: nothing of them is trained again."""

import re
import subprocess

import pytest
import requests
from support.paths import ROOT
from support.pipelines import ENVIRONMENT, Repository, stages_run, trained
from support.servers import free_port, running

pytestmark = pytest.mark.slow

RECOVER = "from lenet.commands import recover; recover.recover_runs()"


@pytest.fixture
def here(pipeline, tmp_path):
    return pipeline.copy(tmp_path / "with a space")


def test_a_colleague_pulls_what_is_trained_and_trains_what_is_new_alone(here, tmp_path):
    here.dvc("remote", "add", "--default", "storage", str(tmp_path / "storage"))
    here.commit()
    here.dvc("push")
    here.git("clone", "--quiet", str(here.path), str(tmp_path / "clone"))
    clone = Repository(tmp_path / "clone")
    assert stages_run(clone.dvc("repro", "--pull")) == []
    clone.dvc("pull")
    assert stages_run(clone.dvc("repro")) == []
    assert clone.entries() == set()
    done = clone.module("commands.repro", PYTHONIOENCODING="ascii")
    assert (stages_run(done), trained(done)) == ([], 0)
    assert "View run" not in done.stdout  # as MLflow says of each run, with a character that ASCII lacks
    assert clone.entries() == here.entries()
    assert clone.statuses() == here.statuses()
    with clone.params() as params:
        params["variants"]["relu_adam"]["learning_rate"] = 0.002
    assert clone.lacking() == ["relu_adam"]


def test_in_an_older_commit_what_dvcs_cache_holds_is_not_trained_again(here):
    before = here.entries()
    with here.params() as params:
        del params["variants"]["lenet5_1998"], params["about"]["lenet5_1998"]
        params["comparison"] |= {"published": {}, "original": None}
    for name in ("models/lenet5_1998", "reports/details/lenet5_1998.json", "sweeps"):
        here.run("rm", "-r", name)
    here.commit()
    here.module("commands.prune")
    assert len(before - here.entries()) == 2
    here.git("checkout", "--quiet", "HEAD~1")
    assert here.lacking() == ["lenet5_1998"]
    here.run("python", "-c", RECOVER, PYTHONPATH="src")
    assert here.entries() == before
    here.dvc("checkout")
    here.dvc("gc", "--workspace", "--force")
    assert stages_run(here.dvc("repro")) == []


def without_marks(text):
    marks = ("<<<<<<<", "=======", ">>>>>>>")
    return "".join(line for line in text.splitlines(keepends=True) if not line.startswith(marks))


def test_two_branches_that_each_add_a_variant_are_merged(here):
    main = here.git("branch", "--show-current")
    for name in ("twin", "sibling"):
        here.git("checkout", "--quiet", "-b", name, main)
        here.edit("params.yaml", ("variants:\n", f"variants:\n  {name}: {{}}\n"))
        here.dvc("repro", f"train@{name}")
        here.commit()
    merged = here.run("git", "merge", "twin", status=1).stdout
    assert "CONFLICT (content): Merge conflict in dvc.lock" in merged
    refused = here.module("commands.repro", status=1)
    assert (
        refused.stderr == "error: params.yaml has conflicts of a merge: keep one version of each, without the marks\n"
    )
    params = here.path / "params.yaml"
    params.write_text(without_marks(params.read_text()))
    for command in ("commands.repro", "commands.report"):
        refused = here.module(command, status=1)
        assert refused.stderr.startswith("error: dvc.lock has conflicts of a merge: ")
        assert refused.stderr.count("\n") == 1
    (here.path / "dvc.lock").unlink()
    done = here.module("commands.repro", "twin", "sibling")
    assert trained(done) == 0
    assert {"evaluate@twin", "evaluate@sibling"} <= set(re.findall(r"^  (\S+):$", here.lock(), re.MULTILINE))
    assert here.run("git", "grep", "-l", "^<<<<<<< ", "--", ":!tests", status=1).stdout == ""


def test_a_download_as_zip_is_told_to_become_a_repository_and_then_works(pipeline, tmp_path):
    (tmp_path / "zip").mkdir()
    pipeline.reproduce("sh", "-c", f"git archive HEAD | tar --extract --directory '{tmp_path / 'zip'}'")
    unpacked = Repository(tmp_path / "zip")
    refused = unpacked.module("commands.repro", status=1)
    assert refused.stderr.startswith(f"error: {unpacked.path} is no git repository, as after a download as ZIP")
    assert "Report:" in unpacked.module("commands.report").stdout
    unpacked.git("init")
    unpacked.dvc("repro", "preprocess")


def of_the_docs(language, word):
    """The block of docs/usage.md in this language that has this word, for the bundled digits."""
    blocks = re.findall(rf"```{language}\n(.*?)```", (ROOT / "docs/usage.md").read_text(encoding="utf-8"), re.DOTALL)
    (block,) = [block for block in blocks if word in block]
    return block.replace("lenet5-mnist", "lenet5-digits").replace("models:/lenet5@", "models:/lenet5-digits@")


def test_mlflow_finds_the_runs_and_serves_the_champion_by_the_lines_of_the_documentation(pipeline, monkeypatch):
    table = pipeline.reproduce("python", "-c", of_the_docs("python", "search_runs")).stdout
    assert re.search(r"^\d+ +relu_adam +\d+\.\d+$", table, re.MULTILINE)
    monkeypatch.chdir(pipeline.path)
    port = free_port()
    command = ["sh", "-c", of_the_docs("sh", "models serve").replace("5002", str(port))]
    with running(command, f"http://127.0.0.1:{port}/ping", subprocess.DEVNULL, PATH=ENVIRONMENT["PATH"]):
        sent = (pipeline.path / "digit.json").read_bytes()
        answer = requests.post(
            f"http://127.0.0.1:{port}/invocations", sent, headers={"Content-Type": "application/json"}
        )
        assert len(answer.json()["predictions"][0]) == 10


def test_mlflows_autolog_adds_nothing(pipeline):
    before = pipeline.statuses()
    program = "import mlflow; mlflow.autolog(); from lenet.commands import repro; repro.main()"
    pipeline.reproduce("python", "-c", program, PYTHONPATH="src")
    assert pipeline.statuses() == before
