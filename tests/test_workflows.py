"""Use a trained pipeline as people do, with DVC and `make repro`: edit, queue experiments, clone, damage files."""

import re
import shutil
import textwrap

import pytest
from support.paths import ROOT
from support.pipelines import VARIANTS, WITHOUT_MLFLOW, Repository, stages_run, trained_runs

pytestmark = pytest.mark.slow


def test_an_edited_variant_is_trained_alone_and_appears_beside_the_old_one(repository):
    done = repository.dvc("exp", "run", "--set-param", "variants.relu_adam.learning_rate=0.002")
    assert "1 file changed, 1 insertion(+), 1 deletion(-)" in repository.git("diff", "--stat", "params.yaml")
    assert stages_run(done) == ["train@relu_adam", "evaluate@relu_adam", "plot"]
    assert {"relu_adam", "relu_adam learning_rate=0.002"} <= {run.info.run_name for run in repository.runs()}
    table = repository.dvc("exp", "show", "--only-changed", "--no-pager", COLUMNS="250").stdout
    assert "variants.relu_adam.learning_rate" in table
    assert "index.html" in repository.dvc("plots", "diff").stdout
    assert "reports/curves/relu_adam.csv" in (repository.path / "dvc_plots/index.html").read_text()


def test_the_first_experiment_of_the_readme_is_compared_and_undone(repository):
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    (variant,) = re.findall(r"```yaml\n( +my_relu:\n.*?)```", readme, re.DOTALL)
    (going_back,) = re.findall(r"`(git restore [^`]*)`", readme)
    repository.edit("params.yaml", ("variants:\n", f"variants:\n{textwrap.indent(textwrap.dedent(variant), '  ')}"))
    done = repository.module("commands.repro", "tanh_sgd", "my_relu", **WITHOUT_MLFLOW)
    assert trained_runs(done) == 2
    assert "2 of 2 runs equal the committed ones, bit for bit." in done.stdout
    assert "variants.my_relu.activation" in repository.dvc("params", "diff").stdout
    metrics = {line.split()[0] for line in repository.dvc("metrics", "diff").stdout.splitlines()[1:]}
    assert metrics == {"reports/metrics/my_relu.json"}
    repository.run("sh", "-c", going_back)
    assert repository.git("status", "--porcelain") == ""


def test_queued_experiments_run_the_code_they_were_queued_with_and_share_the_run_store(repository):
    entries_before = repository.entries()
    for name, setting, stage in (("short", "epochs=1", "evaluate"), ("wide", "batch_size=64", "train")):
        change = f"+variants.relu_adam.{setting}"
        repository.dvc("exp", "run", "--queue", "--name", name, "--set-param", change, f"{stage}@relu_adam")
    repository.edit("src/lenet/training/one_run.py", ("import keras\n", "raise SystemExit('edited after queueing')\n"))
    repository.dvc("exp", "run", "--run-all", "--jobs", "2")
    assert len(repository.entries() - entries_before) == 4
    experiments = repository.dvc("exp", "show", "--only-changed", "--no-pager", COLUMNS="400").stdout
    assert all(
        name in experiments for name in ("short", "wide", "relu_adam.json:test_error_percent", "relu_adam.batch_size")
    )
    new_runs = [run for run in repository.runs() if run.data.params["epochs"] == "1"]
    assert {run.info.run_name for run in new_runs} == {
        "relu_adam epochs=1",
        "relu_adam epochs=1 seed 0",
        "relu_adam epochs=1 seed 1",
    }
    seed_run = next(run for run in new_runs if run.info.run_name.endswith("seed 0"))
    assert seed_run.data.tags["dvc_experiment"] == "short"
    assert "test/error_percent" in seed_run.data.metrics
    assert not (repository.path / "mlruns").exists()
    repository.dvc("exp", "apply", "short")
    assert stages_run(repository.dvc("repro", "evaluate@relu_adam")) == []


def test_a_fresh_clone_without_data_publishes_and_shows_the_committed_metrics_and_curves(pipeline, tmp_path):
    pipeline.git("clone", "--quiet", str(pipeline.path), str(tmp_path / "clone"))
    clone = Repository(tmp_path / "clone")
    assert clone.module("tracking.publish").stderr.startswith("published 6 runs of 3 variants to sqlite:///")
    assert all("test/error_percent" in run.data.metrics for run in clone.runs())
    header, *rows = clone.dvc("metrics", "show").stdout.splitlines()
    assert header.split() == ["Path", "test_error_percent", "validation_error_percent"]
    assert {row.split()[0] for row in rows} == {f"reports/metrics/{variant}.json" for variant in VARIANTS}
    shown = clone.dvc("plots", "show")
    assert "failed" not in shown.stdout + shown.stderr


# One file of each kind that a stage reads.
READ_BY_STAGES = (
    *("data/raw/train-images-idx3-ubyte", "data/raw/t10k-labels-idx1-ubyte"),
    *("data/processed/train.npz", "data/processed/validation.npz", "data/processed/test.npz"),
    "data/processed/statistics.json",
    *(f"models/relu_adam/seed-0/{file}" for file in ("model.weights.h5", "model.json", "history.csv", "run.json")),
    *("predictions/relu_adam.npz", "reports/details/relu_adam.json", "reports/misread/relu_adam.csv"),
)


def flip_a_bit(path):
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)


def contents(repository, names):
    return {name: (repository.path / name).read_bytes() for name in names}


def test_a_file_with_a_flipped_bit_is_restored_before_it_is_used_with_any_shell(repository):
    contents_before = contents(repository, READ_BY_STAGES)
    for name in READ_BY_STAGES:
        flip_a_bit(repository.path / name)
    done = repository.module("commands.repro", SHELL="/bin/false", **WITHOUT_MLFLOW)
    assert contents(repository, READ_BY_STAGES) == contents_before
    assert trained_runs(done) == 0
    assert "6 of 6 runs equal the committed ones, bit for bit." in done.stdout
    assert repository.git("status", "--porcelain", "dvc.lock", "reports") == ""


def test_without_mnist_make_repro_runs_the_demo_and_changes_no_committed_file(repository):
    # Add a variant that is not in the demo, with committed results.
    with repository.params() as params:
        params["data"]["dataset"] = "mnist"
        params["variants"]["extra"] = {}
    shutil.copy(repository.path / "reports/metrics/tanh_sgd.json", repository.path / "reports/metrics/extra.json")
    repository.edit("src/lenet/commands/demo.py", ("SEEDS = (0, 1, 2)", "SEEDS = (0, 1)"))  # these are trained already
    repository.commit()
    unreachable = {"https_proxy": "http://127.0.0.1:9"}
    done = repository.module("commands.repro", **unreachable, **WITHOUT_MLFLOW)
    assert "MNIST could not be downloaded from any source:" in done.stderr
    assert "Running `make demo` instead" in done.stdout
    assert "bundled digits" in done.stdout
    assert trained_runs(done) == 0
    assert repository.git("status", "--porcelain") == ""
    assert (repository.path / ".demo/reports/index.html").is_file()
    assert "MNIST" not in (repository.path / ".demo/reports/comparison.csv").read_text()
