import subprocess
from dataclasses import replace

import pytest
from support.builders import save_evaluated, seed_result

from lenet.commands.agreement import Outputs, Row, compare, compare_with_last_commit
from lenet.evaluation.results import load_result, save_result

DIGESTS = {
    "download": {"data/raw": "1"},
    "train@tanh_sgd": {"models/tanh_sgd": "2"},
    "plot": {"reports/index.html": "3", "README.md": "4"},
}


def outputs(*runs, digests=DIGESTS):
    return Outputs(digests, {("tanh_sgd", run.identity.seed): run for run in runs})


FIRST, SECOND = seed_result(0, 10.0), seed_result(1, 12.0)
COMMITTED = outputs(FIRST, SECOND)


def differences(reproduced):
    return {row.output: row.differences for row in compare(COMMITTED, reproduced) if row.differences}


def test_each_equal_output_has_a_row_without_differences():
    names = ["data/raw", "models/tanh_sgd", "reports/index.html", "README.md", "tanh_sgd seed 0", "tanh_sgd seed 1"]
    assert compare(COMMITTED, COMMITTED) == [Row(name) for name in names]


def test_if_only_some_seeds_were_trained_only_their_runs_and_the_data_are_compared():
    reproduced = outputs(SECOND, digests=DIGESTS | {"train@tanh_sgd": {"models/tanh_sgd": "other"}})
    assert compare(COMMITTED, reproduced) == [Row("data/raw"), Row("tanh_sgd seed 1")]


def test_each_file_that_differs_is_named():
    reproduced = replace(COMMITTED, digests=DIGESTS | {"plot": {"reports/index.html": "other", "README.md": "4"}})
    assert differences(reproduced) == {"reports/index.html": ("different content",)}


OTHER_IDENTITY = replace(
    FIRST.identity, machine="aarch64", versions=FIRST.identity.versions | {"keras": "3.14.0"}, code="d" * 64
)
CAUSES = ("trained on aarch64 instead of x86_64", "keras 3.14.0 instead of 3.13.0", "different code")
OTHER_METRICS = FIRST.metrics | {"test/error_percent": 11.0}


@pytest.mark.parametrize(
    ("run", "expected"),
    [
        (replace(FIRST, weights="f" * 64), ("weights",)),
        (replace(FIRST, history={"train/loss": [1.0, 0.25]}), ("learning curve",)),
        (replace(FIRST, confusion=SECOND.confusion), ("confusion matrix",)),
        (replace(FIRST, metrics=OTHER_METRICS), ("metrics (test error 11.00 % instead of 10.00 %)",)),
        (replace(FIRST, identity=OTHER_IDENTITY), CAUSES),
    ],
    ids=["weights", "history", "confusion", "metrics", "causes"],
)
def test_a_run_that_differs_has_a_row_with_the_differences(run, expected):
    assert differences(outputs(run, SECOND)) == {"tanh_sgd seed 0": expected}


@pytest.fixture
def committed_results(workspace):
    """A git repository whose only commit has results of tanh_sgd from two seeds."""
    save_evaluated("tanh_sgd", [10.0, 12.0])
    for command in (
        "init --quiet",
        "add reports",
        "-c user.name=A -c user.email=a@b.org commit --quiet --message Results",
    ):
        subprocess.run(["git", *command.split()], check=True)


def test_runs_are_counted_that_equal_those_of_the_last_commit(committed_results):
    save_evaluated("relu_adam", [10.0])
    assert compare_with_last_commit(["tanh_sgd"]) == "2 of 2 runs equal the committed ones, bit for bit."
    assert compare_with_last_commit(["relu_adam"]) == ""  # the commit has no such runs
    save_evaluated("tanh_sgd", [10.0, 12.0, 14.0])  # a new seed
    assert compare_with_last_commit(["tanh_sgd", "relu_adam"]) == "2 of 2 runs equal the committed ones, bit for bit."


def test_variants_with_other_runs_are_named_with_the_causes(committed_results):
    result = load_result("tanh_sgd")
    first = replace(result.seeds[0], weights="f" * 64)
    edited = replace(first, identity=replace(first.identity, settings={"epochs": 3}, code="d" * 64))
    beginning = "1 of 2 runs equal the committed ones, bit for bit. The others: tanh_sgd "
    for changed, cause in ((edited, "different code, different settings"), (first, "unknown cause, on ")):
        save_result(replace(result, seeds=[changed, result.seeds[1]]))
        assert compare_with_last_commit(["tanh_sgd"]).startswith(f"{beginning}({cause}")


def test_without_git_nothing_is_compared(workspace):
    save_evaluated("tanh_sgd", [10.0])
    assert compare_with_last_commit(["tanh_sgd"]) == ""
