import hashlib
from dataclasses import replace
from pathlib import Path

import h5py
import numpy as np
import pytest
from support.builders import seed_result

from lenet.commands.agreement import Outputs, Row, RunOutput, compare

DIGESTS = {
    "download": {"data/raw": "1"},
    "train@tanh_sgd": {"models/tanh_sgd": "2"},
    "plot": {"reports/index.html": "3"},
}
# Two seeds, and what they make of the digits that one of them misreads.
LABELS = {3: 7, 5: 8}


def run(seed, error, answers, weights="weights"):
    return RunOutput(seed_result(seed, error), dict(zip(LABELS, answers, strict=True)), LABELS, Path(weights))


def outputs(*runs, digests=DIGESTS, readme="4"):
    return Outputs(digests, {("tanh_sgd", run.result.identity.seed): run for run in runs}, readme)


COMMITTED = outputs(run(0, 10.0, (7, 1)), run(1, 12.0, (2, 8)))


def with_result(changed):
    """The committed outputs, but for something about the result of seed 0."""
    key = ("tanh_sgd", 0)
    again = replace(COMMITTED.runs[key], result=changed(COMMITTED.runs[key].result))
    return replace(COMMITTED, runs={**COMMITTED.runs, key: again})


def differences(again, checkout=Path("nowhere")):
    return {row.output: row.differences for row in compare(COMMITTED, again, checkout) if row.differences}


def test_equal_outputs_have_a_row_each_and_no_difference():
    assert compare(COMMITTED, COMMITTED, Path("nowhere")) == [
        Row("data/raw"),
        Row("models/tanh_sgd"),
        Row("reports/index.html"),
        Row("README.md"),
        Row("tanh_sgd seed 0"),
        Row("tanh_sgd seed 1"),
    ]


def test_with_some_of_the_seeds_only_these_runs_and_the_data_are_compared():
    again = outputs(run(1, 12.0, (2, 8)), digests=DIGESTS | {"train@tanh_sgd": {"models/tanh_sgd": "other"}})
    assert [row.output for row in compare(COMMITTED, again, Path("nowhere"))] == ["data/raw", "tanh_sgd seed 1"]
    assert differences(again) == {}


def test_files_that_differ_are_named():
    again = replace(COMMITTED, digests=DIGESTS | {"plot": {"reports/index.html": "other"}}, readme="other")
    assert differences(again) == {"reports/index.html": ("another content",), "README.md": ("another content",)}


def test_changed_answers_are_counted_also_those_that_were_right_before():
    labels = {3: 7, 9: 0}
    changed = replace(COMMITTED.runs["tanh_sgd", 0], labels=labels, answers={3: 2, 9: 6})
    again = replace(COMMITTED, runs={**COMMITTED.runs, ("tanh_sgd", 0): changed})
    assert differences(again) == {"tanh_sgd seed 0": ("3 answers to test digits",)}  # 3, 9, and 5, now right


@pytest.mark.parametrize(
    ("error", "judgement"), [(11.0, "as another seed might have it"), (300.0, "more than another seed would explain")]
)
def test_a_test_error_that_changed_is_held_against_those_of_all_seeds(error, judgement):
    again = with_result(lambda result: replace(result, metrics={**result.metrics, "test/error_percent": error}))
    (text,) = differences(again)["tanh_sgd seed 0"]
    assert text.startswith(f"test error {error:.2f} % instead of 10.00 %, {judgement} (")
    # The 99 % prediction interval of two values, 10 and 12: 11 ± 63.657 · √2 · √1.5.
    assert text.endswith("(-99.26 to 121.26 %)")


def test_what_decides_bits_and_is_not_the_same_is_named_as_the_cause():
    def elsewhere(result):
        versions = {**result.identity.versions, "keras": "3.14.0"}
        return replace(result, identity=replace(result.identity, machine="aarch64", versions=versions, code="d" * 64))

    assert differences(with_result(elsewhere)) == {
        "tanh_sgd seed 0": ("trained on aarch64 instead of x86_64", "keras 3.14.0 instead of 3.13.0", "other code")
    }


def weights(path, *values):
    path.parent.mkdir(parents=True, exist_ok=True)
    with h5py.File(path, "w") as file:
        file.create_group("layers/c1")["kernel"] = np.array(values, np.float32)
    return path


def test_weights_that_differ_are_told_by_how_much_where_the_committed_ones_are_still_there(tmp_path):
    old = weights(tmp_path / "models/tanh_sgd/seed-0/model.weights.h5", 1.0, 2.0)
    digest = hashlib.sha256(old.read_bytes()).hexdigest()
    before = replace(COMMITTED.runs["tanh_sgd", 0], weights=old.relative_to(tmp_path))
    before = replace(before, result=replace(before.result, weights=digest))
    after = replace(before, weights=weights(tmp_path / "again.h5", 1.0, 2.25))
    after = replace(after, result=replace(after.result, weights="0" * 64))
    both = [outputs(run) for run in (before, after)]
    assert compare(*both, tmp_path)[-1].differences == ("weights (largest difference 0.2)",)
    weights(old, 3.0, 3.0)  # others than the committed ones
    assert compare(*both, tmp_path)[-1].differences == ("weights",)
