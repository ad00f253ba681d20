from dataclasses import replace

import pytest
from support.builders import seed_result

from lenet.commands.agreement import Outputs, Row, RunOutput, compare

DIGESTS = {
    "download": {"data/raw": "1"},
    "train@tanh_sgd": {"models/tanh_sgd": "2"},
    "plot": {"reports/index.html": "3", "README.md": "4"},
}


def outputs(*runs, digests=DIGESTS):
    return Outputs(digests, {("tanh_sgd", run.result.identity.seed): run for run in runs})


FIRST, SECOND = RunOutput(seed_result(0, 10.0), {3: 2, 5: 1}), RunOutput(seed_result(1, 12.0), {3: 1})
COMMITTED = outputs(FIRST, SECOND)


def differences(again):
    return {row.output: row.differences for row in compare(COMMITTED, again) if row.differences}


def test_equal_outputs_have_a_row_each_and_no_difference():
    names = ["data/raw", "models/tanh_sgd", "reports/index.html", "README.md", "tanh_sgd seed 0", "tanh_sgd seed 1"]
    assert compare(COMMITTED, COMMITTED) == [Row(name) for name in names]


def test_with_some_of_the_seeds_only_these_runs_and_the_data_are_compared():
    again = outputs(SECOND, digests=DIGESTS | {"train@tanh_sgd": {"models/tanh_sgd": "other"}})
    assert compare(COMMITTED, again) == [Row("data/raw"), Row("tanh_sgd seed 1")]


def test_files_that_differ_are_named():
    again = replace(COMMITTED, digests=DIGESTS | {"plot": {"reports/index.html": "other", "README.md": "4"}})
    assert differences(again) == {"reports/index.html": ("another content",)}


RESULT = FIRST.result
ELSEWHERE = replace(
    RESULT.identity, machine="aarch64", versions=RESULT.identity.versions | {"keras": "3.14.0"}, code="d" * 64
)
CAUSES = ("trained on aarch64 instead of x86_64", "keras 3.14.0 instead of 3.13.0", "other code")
WORSE = RESULT.metrics | {"test/error_percent": 11.0}


@pytest.mark.parametrize(
    ("run", "expected"),
    [
        (replace(FIRST, wrong={3: 9, 8: 6}), ("3 answers to test digits",)),  # to 3, 8 and 5
        (replace(FIRST, result=replace(RESULT, weights="f" * 64)), ("weights",)),
        (replace(FIRST, result=replace(RESULT, history={"train/loss": [1.0, 0.25]})), ("learning curve",)),
        (replace(FIRST, result=replace(RESULT, metrics=WORSE)), ("metrics (test error 11.00 % instead of 10.00 %)",)),
        (replace(FIRST, result=replace(RESULT, identity=ELSEWHERE)), CAUSES),
    ],
    ids=["answers", "weights", "history", "metrics", "causes"],
)
def test_what_differs_in_a_run_is_named(run, expected):
    assert differences(outputs(run, SECOND)) == {"tanh_sgd seed 0": expected}
