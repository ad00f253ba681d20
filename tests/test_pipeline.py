"""The real pipeline, end to end, on the bundled digits, in repositories of its own whose path has a space."""

import itertools
import json
import shutil

import pytest
from support.dask_clusters import cluster
from support.pipelines import VARIANTS, Repository, stages_run, trained

pytestmark = pytest.mark.slow


def test_dvc_repro_runs_every_stage_once(pipeline):
    per_variant = [f"{stage}@{variant}" for stage in ("train", "evaluate") for variant in VARIANTS]
    assert sorted(stages_run(pipeline.first_run)) == sorted(["download", "preprocess", *per_variant, "plot"])


def test_a_second_run_has_nothing_to_do_though_byte_code_and_an_editors_file_are_there_now(pipeline):
    room = pipeline.path / "src/lenet/network"
    (room / "__pycache__").mkdir(exist_ok=True)
    beside = [room / "__pycache__/model.cpython-311.pyc", room / ".model.py.swp", room / "model.py~"]
    for file in beside:
        file.touch()
    done = pipeline.dvc("repro")
    assert stages_run(done) == []
    assert "Data and pipelines are up to date." in done.stdout
    for file in beside:
        file.unlink()


def test_another_make_repro_runs_no_stage_and_imports_no_tensorflow(pipeline, tmp_path):
    here = pipeline.copy(tmp_path / "again")
    here.module("commands.repro")
    (tmp_path / "broken").mkdir()
    (tmp_path / "broken/tensorflow.py").write_text("raise SystemExit('imported')")
    done = here.run("python", "-m", "lenet.commands.repro", PYTHONPATH=f"{tmp_path / 'broken'}:src")
    assert stages_run(done) == []
    assert "relu_adam" in done.stdout


def test_a_variants_name_is_never_run_as_a_command(pipeline, tmp_path):
    here = pipeline.copy(tmp_path / "injected")
    with here.params() as params:
        params["variants"]["x;touch PWNED;"] = {}
    refused = here.dvc("repro", status=255)
    assert "error: params.yaml: variants.x;touch PWNED;" in refused.stderr
    assert not (here.path / "PWNED").exists()


def test_every_seed_is_under_its_variant_in_mlflow(pipeline):
    assert sorted(run.info.run_name for run in pipeline.runs()) == sorted(
        name for variant in VARIANTS for name in (variant, f"{variant} seed 0", f"{variant} seed 1")
    )


SERVE = """
import sys
import mlflow, numpy as np

mlflow.set_tracking_uri("sqlite:///mlflow.db")
for variant, identifier in zip(sys.argv[1::2], sys.argv[2::2]):
    model = mlflow.pyfunc.load_model(f"models:/{identifier}")
    with np.load("data/processed/test.npz") as test, np.load(f"predictions/{variant}.npz") as predictions:
        np.testing.assert_allclose(model.predict(test["images"]), predictions["probabilities"][1], atol=1e-5)
"""


def test_a_runs_model_takes_raw_pixels_and_predicts_what_was_evaluated(pipeline):
    runs = {run.info.run_name: run for run in pipeline.runs()}
    models = {name: runs[f"{name} seed 1"].outputs.model_outputs[0].model_id for name in ("tanh_sgd", "lenet5_1998")}
    done = pipeline.run("python", "-c", SERVE, *itertools.chain(*models.items()), PYTHONPATH="src")
    assert "doesn't match the expected structure" not in done.stderr


@pytest.mark.parametrize(
    ("command", "expected"),
    [
        (("metrics", "show"), "reports/metrics/relu_adam.json"),
        (("plots", "show"), "index.html"),
        (("dag",), "train@tanh_sgd"),
        (("exp", "show", "--csv"), "variants.relu_adam.learning_rate"),
    ],
)
def test_dvcs_own_views_have_something_to_show(pipeline, command, expected):
    done = pipeline.dvc(*command)
    assert expected in done.stdout
    assert "failed" not in done.stderr


def test_training_anew_on_purpose_on_a_cluster_of_three_workers_changes_nothing(pipeline, tmp_path):
    here = pipeline.copy(tmp_path / "forced")
    shutil.rmtree(here.path / ".runs")
    with cluster(tmp_path / "cluster") as running:
        for _ in range(3):
            running.start_worker()
        targets = ("evaluate@tanh_sgd", "evaluate@lenet5_1998")
        done = here.dvc("repro", "--force", *targets, DASK_SCHEDULER_ADDRESS=running.address)
    assert len(stages_run(done)) == 6
    assert trained(done) == 4
    assert here.git("status", "--porcelain") == ""


def test_an_edited_variant_retrains_itself_alone_and_stands_beside_the_old_one(pipeline, tmp_path):
    here = pipeline.copy(tmp_path / "edited")
    with here.params() as params:
        params["variants"]["relu_adam"]["learning_rate"] = 0.002
    assert stages_run(here.dvc("repro")) == ["train@relu_adam", "evaluate@relu_adam", "plot"]
    assert {"relu_adam", "relu_adam learning_rate=0.002"} <= {run.info.run_name for run in here.runs()}
    assert "variants.relu_adam.learning_rate" in here.dvc("params", "diff").stdout
    changed = {line.split()[0] for line in here.dvc("metrics", "diff").stdout.splitlines()[1:]}
    assert changed == {"reports/metrics/relu_adam.json"}
    table = here.dvc("exp", "show", "--only-changed", "--no-pager", COLUMNS="250").stdout
    assert "variants.relu_adam.learning_rate" in table
    assert "index.html" in here.dvc("plots", "diff").stdout
    assert "reports/curves/relu_adam.csv" in (here.path / "dvc_plots/index.html").read_text()


def test_two_workers_run_queued_experiments_with_the_code_they_were_queued_with_and_share_the_run_store(
    pipeline, tmp_path
):
    here = pipeline.copy(tmp_path / "queued")
    before = here.entries()
    here.dvc("exp", "run", "--queue", "--name", "short", "--set-param", "+variants.relu_adam.epochs=1")
    here.dvc("exp", "run", "--queue", "--name", "wide", "--set-param", "+variants.relu_adam.batch_size=64")
    here.edit("src/lenet/training/one_run.py", ("import keras\n", "raise SystemExit('edited after queueing')\n"))
    here.dvc("exp", "run", "--run-all", "--jobs", "2")
    assert len(here.entries() - before) == 4
    compared = here.dvc("exp", "show", "--only-changed", "--no-pager", COLUMNS="400").stdout
    assert all(
        name in compared for name in ("short", "wide", "relu_adam.json:test_error_percent", "relu_adam.batch_size")
    )
    added = [run for run in here.runs() if run.data.params["epochs"] == "1"]
    assert {run.info.run_name for run in added} == {
        "relu_adam epochs=1",
        "relu_adam epochs=1 seed 0",
        "relu_adam epochs=1 seed 1",
    }
    child = next(run for run in added if run.info.run_name.endswith("seed 0"))
    assert child.data.tags["dvc_experiment"] == "short"
    assert "test/error_percent" in child.data.metrics
    assert not (here.path / "mlruns").exists()


def test_a_removed_variant_is_refused_by_dvc_and_cleared_by_make_repro_as_in_a_fresh_clone(pipeline, tmp_path):
    here = pipeline.copy(tmp_path / "removed")
    with here.params() as params:
        del params["variants"]["relu_adam"], params["about"]["relu_adam"]
        params["comparison"] |= {"primary": [], "ladder": ["tanh_sgd"]}
    refused = here.dvc("repro", status=255)
    assert "error: outputs of variants that params.yaml no longer has: " in refused.stderr
    here.module("commands.repro")
    assert "relu_adam" not in (here.path / "reports/comparison.csv").read_text()
    here.commit()
    here.git("clone", "--quiet", str(here.path), str(tmp_path / "clone"))
    clone = Repository(tmp_path / "clone")
    shutil.copytree(here.path / ".runs", clone.path / ".runs")  # so that it need not train
    clone.dvc("repro")
    assert clone.lock() == here.lock()
    assert clone.git("status", "--porcelain") == ""


def test_a_lost_store_is_rebuilt_from_the_workspace_and_nothing_is_there_twice(pipeline, tmp_path):
    here = pipeline.copy(tmp_path / "lost")
    (here.path / "mlflow.db").unlink()
    said = here.module("tracking.publish").stderr
    assert said.count(": published 2 runs to sqlite:///") == 3
    rebuilt = {run.info.run_id: run.data.metrics for run in here.runs()}
    assert sorted(map(str, rebuilt.values())) == sorted(str(run.data.metrics) for run in pipeline.runs())
    assert all(run.outputs.model_outputs for run in here.runs() if run.data.tags["kind"] == "seed")
    assert here.module("tracking.publish").stderr == ""
    assert {run.info.run_id: run.data.metrics for run in here.runs()} == rebuilt


def test_a_fresh_clone_publishes_the_committed_metrics(pipeline, tmp_path):
    pipeline.git("clone", "--quiet", str(pipeline.path), str(tmp_path / "clone"))
    clone = Repository(tmp_path / "clone")
    assert clone.module("tracking.publish").stderr.count(": published 2 runs to sqlite:///") == 3
    assert all("test/error_percent" in run.data.metrics for run in clone.runs())


def test_a_fresh_clone_shows_metrics_and_curves_without_data(pipeline, tmp_path):
    pipeline.git("clone", "--quiet", str(pipeline.path), str(tmp_path / "clone"))
    clone = Repository(tmp_path / "clone")
    header, *rows = clone.dvc("metrics", "show").stdout.splitlines()
    assert header.split() == ["Path", "test_error_percent", "validation_error_percent"]
    assert {row.split()[0] for row in rows} == {f"reports/metrics/{variant}.json" for variant in VARIANTS}
    shown = clone.dvc("plots", "show")
    assert "failed" not in shown.stdout + shown.stderr


def test_a_result_restored_from_dvcs_run_cache_reaches_the_store(pipeline, tmp_path):
    here = pipeline.copy(tmp_path / "restored")
    (here.path / "mlflow.db").unlink()
    shutil.rmtree(here.path / "models")
    shutil.rmtree(here.path / "predictions")
    (here.path / "dvc.lock").unlink()
    done = here.module("commands.repro")
    assert "train@tanh_sgd" not in stages_run(done)
    assert len(here.runs()) == 9


def test_models_of_another_architecture_are_refused_in_one_line(pipeline, tmp_path):
    here = pipeline.copy(tmp_path / "foreign")
    for seed in (0, 1):
        shutil.copy(
            here.path / f"models/tanh_sgd/seed-{seed}/model.json",
            here.path / f"models/relu_adam/seed-{seed}/model.json",
        )
    done = here.module("evaluate", status=1, DVC_STAGE="evaluate@relu_adam")
    (line,) = done.stderr.splitlines()
    assert line.startswith("error: models/relu_adam/seed-0/model.json is not the network of relu_adam")


def test_models_of_another_variant_are_refused_in_one_line(pipeline, tmp_path):
    here = pipeline.copy(tmp_path / "swapped")
    shutil.rmtree(here.path / "models/relu_adam")
    shutil.copytree(here.path / "models/tanh_sgd", here.path / "models/relu_adam")
    (line,) = here.module("evaluate", status=1, DVC_STAGE="evaluate@relu_adam").stderr.splitlines()
    assert line.startswith("error: models/relu_adam/seed-0 was trained with other settings than params.yaml's")


# Of each kind of file that a stage reads, one; together those of different outputs, since DVC names these.
READ_BY_STAGES = (
    (
        "data/raw/train-images-idx3-ubyte",
        "data/processed/train.npz",
        "models/relu_adam/seed-0/model.weights.h5",
        "predictions/relu_adam.npz",
        "reports/details/relu_adam.json",
        "reports/misread/relu_adam.csv",
    ),
    ("data/raw/t10k-labels-idx1-ubyte", "data/processed/validation.npz", "models/relu_adam/seed-0/model.json"),
    ("data/processed/test.npz", "models/relu_adam/seed-0/history.csv"),
    ("data/processed/statistics.json", "models/relu_adam/seed-0/run.json"),
)


@pytest.fixture(scope="module")
def spoiled(pipeline, tmp_path_factory):
    """A copy in which to flip bits."""
    return pipeline.copy(tmp_path_factory.mktemp("spoiled") / "lenet lab")


def flip_a_bit(path):
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)


def contents(here, names):
    return {name: (here.path / name).read_bytes() for name in names}


@pytest.mark.parametrize("names", READ_BY_STAGES)
def test_a_flipped_bit_in_what_a_stage_reads_is_noticed(spoiled, names):
    before = contents(spoiled, names)
    for name in names:
        flip_a_bit(spoiled.path / name)
    told = json.loads(spoiled.dvc("status", "--json").stdout)
    for name, content in before.items():
        (spoiled.path / name).write_bytes(content)
    changes = [change["changed outs"] for stage in told.values() for change in stage if "changed outs" in change]
    changed = [output for outputs in changes for output in outputs]
    assert len(changed) == len(names)
    for name in names:
        assert any(name.startswith(output) for output in changed)


def test_what_has_a_flipped_bit_is_made_anew_before_it_is_used_whatever_the_users_shell(spoiled):
    names = list(itertools.chain(*READ_BY_STAGES))
    before = contents(spoiled, names)
    for name in names:
        flip_a_bit(spoiled.path / name)
    done = spoiled.module("commands.repro", SHELL="/bin/false")
    assert contents(spoiled, names) == before
    assert trained(done) == 0
    assert spoiled.git("status", "--porcelain", "dvc.lock", "reports") == ""


def test_without_mnist_make_repro_runs_the_demo_and_touches_nothing_committed(pipeline, tmp_path):
    here = pipeline.copy(tmp_path / "offline")
    # A variant that the demo leaves out, with committed reports of its own.
    with here.params() as params:
        params["data"]["dataset"] = "mnist"
        params["variants"]["extra"] = {}
    shutil.copy(here.path / "reports/metrics/tanh_sgd.json", here.path / "reports/metrics/extra.json")
    here.commit()
    assert "Traceback" not in here.module("commands.demo").stderr
    unreachable = {"https_proxy": "http://127.0.0.1:9", "MNIST_MIRROR": "no/such/folder"}
    done = here.module("commands.repro", **unreachable)
    assert "MNIST could not be downloaded from any source:" in done.stderr
    assert "MNIST_MIRROR=no/such/folder: FileNotFoundError: no train-images-idx3-ubyte.gz in " in done.stderr
    assert "Running `make demo` instead" in done.stdout
    assert "bundled digits" in done.stdout
    assert here.git("status", "--porcelain") == ""
    assert (here.path / ".demo/reports/index.html").is_file()
    assert "MNIST" not in (here.path / ".demo/reports/comparison.csv").read_text()
    # The seeds 0 and 1 were there already, of the same data, settings and code; the demo's third joined them.
    assert sum(run.data.tags["kind"] == "variant" for run in here.runs()) == 3
