"""Runs that come from other people, branches or commits are used, and are not trained again."""

import re
import subprocess

import pytest
import requests
from support.documents import documented_code
from support.pipelines import ENVIRONMENT, WITHOUT_MLFLOW, Repository, stages_run, trained_runs
from support.servers import free_port, running

pytestmark = pytest.mark.slow

RECOVER_RUNS = "from lenet.commands import recover; recover.recover_runs()"


def test_a_colleague_pulls_trained_runs_and_trains_only_new_ones(repository, tmp_path):
    repository.dvc("remote", "add", "--default", "storage", str(tmp_path / "storage"))
    repository.commit()
    repository.dvc("push")
    repository.git("clone", "--quiet", str(repository.path), str(tmp_path / "clone"))
    clone = Repository(tmp_path / "clone")
    assert stages_run(clone.dvc("repro", "--pull")) == []
    clone.dvc("pull")
    assert clone.entries() == set()
    done = clone.module("commands.repro", PYTHONIOENCODING="ascii")
    assert (stages_run(done), trained_runs(done)) == ([], 0)
    assert "View run" not in done.stdout  # MLflow would print it for each run, with a character that ASCII lacks
    assert clone.entries() == repository.entries()
    assert clone.statuses() == repository.statuses()
    with clone.params() as params:
        params["variants"]["relu_adam"]["learning_rate"] = 0.002
    assert clone.variants_to_train() == ["relu_adam"]


def test_runs_of_an_older_commit_are_recovered_from_dvcs_cache(repository):
    entries_before = repository.entries()
    with repository.params() as params:
        del params["variants"]["lenet5_1998"], params["about"]["lenet5_1998"]
        params["comparison"] |= {"published": {}, "original": None}
    for name in ("models/lenet5_1998", "reports/details/lenet5_1998.json", "sweeps"):
        repository.run("rm", "-r", name)
    repository.commit()
    repository.module("commands.prune")
    assert len(entries_before - repository.entries()) == 2
    repository.git("checkout", "--quiet", "HEAD~1")
    assert repository.variants_to_train() == ["lenet5_1998"]
    repository.run("python", "-c", RECOVER_RUNS, PYTHONPATH="src")
    assert repository.entries() == entries_before
    repository.dvc("checkout")
    repository.dvc("gc", "--workspace", "--force")
    assert stages_run(repository.dvc("repro")) == []


def without_merge_marks(text):
    marks = ("<<<<<<<", "=======", ">>>>>>>")
    return "".join(line for line in text.splitlines(keepends=True) if not line.startswith(marks))


def test_two_branches_that_each_add_a_variant_are_merged_without_training(repository):
    main = repository.git("branch", "--show-current")
    for name in ("twin", "sibling"):
        repository.git("checkout", "--quiet", "-b", name, main)
        repository.edit("params.yaml", ("variants:\n", f"variants:\n  {name}: {{}}\n"))
        repository.dvc("repro", f"train@{name}")
        repository.commit()
    merge_output = repository.run("git", "merge", "twin", status=1).stdout
    assert "CONFLICT (content): Merge conflict in dvc.lock" in merge_output
    failed = repository.module("commands.repro", status=1)
    assert (
        failed.stderr
        == "error: params.yaml has merge conflicts: keep one version of each and delete the conflict markers\n"
    )
    params = repository.path / "params.yaml"
    params.write_text(without_merge_marks(params.read_text()))
    failed = repository.module("commands.repro", status=1)
    assert failed.stderr.startswith("error: dvc.lock has merge conflicts: ")
    assert failed.stderr.count("\n") == 1
    (repository.path / "dvc.lock").unlink()
    assert repository.variants_to_train() == []
    assert trained_runs(repository.module("commands.repro", "twin", **WITHOUT_MLFLOW)) == 0
    assert "evaluate@twin:" in repository.lock()
    assert repository.run("git", "grep", "-l", "^<<<<<<< ", "--", ":!tests", status=1).stdout == ""


def test_a_zip_download_is_refused_with_an_explanation_and_works_after_git_init(pipeline, tmp_path):
    (tmp_path / "zip").mkdir()
    pipeline.run("sh", "-c", f"git archive HEAD | tar --extract --directory '{tmp_path / 'zip'}'")
    unpacked = Repository(tmp_path / "zip")
    failed = unpacked.module("commands.repro", status=1)
    assert failed.stderr.startswith(
        f"error: {unpacked.path} is not a git repository (was it downloaded as a ZIP file?)"
    )
    unpacked.git("init")
    unpacked.dvc("repro", "preprocess")


def test_the_documented_code_finds_the_runs_and_serves_the_champion(pipeline, monkeypatch):
    table = pipeline.run("python", "-c", documented_code("usage.md", "python", "search_runs")).stdout
    assert re.search(r"^\d+ +relu_adam +\d+\.\d+$", table, re.MULTILINE)
    monkeypatch.chdir(pipeline.path)
    port = free_port()
    command = ["sh", "-c", documented_code("serving.md", "sh", "models serve").replace("5002", str(port))]
    with running(command, f"http://127.0.0.1:{port}/ping", subprocess.DEVNULL, PATH=ENVIRONMENT["PATH"]):
        request_body = (pipeline.path / "digit.json").read_bytes()
        answer = requests.post(
            f"http://127.0.0.1:{port}/invocations", request_body, headers={"Content-Type": "application/json"}
        )
        assert len(answer.json()["predictions"][0]) == 10
