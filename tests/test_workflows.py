"""What people do with a trained pipeline: edit, queue, lose, restore; by DVC's commands and by `make repro`."""

import re
import shutil

import pytest
from support.paths import ROOT
from support.pipelines import VARIANTS, Repository, stages_run, trained

pytestmark = pytest.mark.slow


@pytest.fixture
def here(pipeline, tmp_path):
    return pipeline.copy(tmp_path / "with a space")


def test_a_variants_name_is_never_run_as_a_command(here):
    with here.params() as params:
        params["variants"]["x;touch PWNED;"] = {}
    refused = here.dvc("repro", status=255)
    assert "error: params.yaml: variants.x;touch PWNED;" in refused.stderr
    assert not (here.path / "PWNED").exists()


@pytest.mark.parametrize(
    ("command", "expected"),
    [
        (("plots", "show"), "index.html"),
        (("dag",), "train@tanh_sgd"),
        (("exp", "show", "--csv"), "variants.relu_adam.learning_rate"),
    ],
)
def test_dvcs_own_views_have_something_to_show(pipeline, command, expected):
    done = pipeline.dvc(*command)
    assert expected in done.stdout
    assert "failed" not in done.stderr


def test_an_edited_variant_retrains_itself_alone_and_stands_beside_the_old_one(here):
    done = here.dvc("exp", "run", "--set-param", "variants.relu_adam.learning_rate=0.002")
    assert "1 file changed, 1 insertion(+), 1 deletion(-)" in here.git("diff", "--stat", "params.yaml")
    assert stages_run(done) == ["train@relu_adam", "evaluate@relu_adam", "plot"]
    assert {"relu_adam", "relu_adam learning_rate=0.002"} <= {run.info.run_name for run in here.runs()}
    assert "variants.relu_adam.learning_rate" in here.dvc("params", "diff").stdout
    changed = {line.split()[0] for line in here.dvc("metrics", "diff").stdout.splitlines()[1:]}
    assert changed == {"reports/metrics/relu_adam.json"}
    table = here.dvc("exp", "show", "--only-changed", "--no-pager", COLUMNS="250").stdout
    assert "variants.relu_adam.learning_rate" in table
    assert "index.html" in here.dvc("plots", "diff").stdout
    assert "reports/curves/relu_adam.csv" in (here.path / "dvc_plots/index.html").read_text()


def test_two_workers_run_queued_experiments_with_the_code_they_were_queued_with_and_share_the_run_store(here):
    before = here.entries()
    for name, setting in (("short", "epochs=1"), ("wide", "batch_size=64")):
        change = f"+variants.relu_adam.{setting}"
        here.dvc("exp", "run", "--queue", "--name", name, "--set-param", change, "evaluate@relu_adam")
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
    here.dvc("exp", "apply", "short")
    assert stages_run(here.dvc("repro", "evaluate@relu_adam")) == []


def test_a_fresh_clone_publishes_the_committed_metrics_and_shows_them_and_the_curves_without_data(pipeline, tmp_path):
    pipeline.git("clone", "--quiet", str(pipeline.path), str(tmp_path / "clone"))
    clone = Repository(tmp_path / "clone")
    assert clone.module("tracking.publish").stderr.count(": published 2 runs to sqlite:///") == 3
    assert all("test/error_percent" in run.data.metrics for run in clone.runs())
    header, *rows = clone.dvc("metrics", "show").stdout.splitlines()
    assert header.split() == ["Path", "test_error_percent", "validation_error_percent"]
    assert {row.split()[0] for row in rows} == {f"reports/metrics/{variant}.json" for variant in VARIANTS}
    shown = clone.dvc("plots", "show")
    assert "failed" not in shown.stdout + shown.stderr


def test_the_champion_is_loaded_by_the_lines_of_the_documentation(pipeline):
    (lines,) = re.findall(r"```python\n(.*?)```", (ROOT / "docs/serving.md").read_text(encoding="utf-8"), re.DOTALL)
    done = pipeline.reproduce("python", "-c", lines.replace("models:/lenet5@", "models:/lenet5-digits@"))
    assert re.fullmatch(r"\[\d\]\n", done.stdout), done.stderr


# Of each kind of file that a stage reads, one.
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


def contents(here, names):
    return {name: (here.path / name).read_bytes() for name in names}


def test_what_has_a_flipped_bit_is_made_anew_before_it_is_used_whatever_the_users_shell(here):
    before = contents(here, READ_BY_STAGES)
    for name in READ_BY_STAGES:
        flip_a_bit(here.path / name)
    done = here.module("commands.repro", SHELL="/bin/false")
    assert contents(here, READ_BY_STAGES) == before
    assert trained(done) == 0
    assert here.git("status", "--porcelain", "dvc.lock", "reports") == ""


def test_without_mnist_make_repro_runs_the_demo_and_touches_nothing_committed(here):
    # A variant that the demo leaves out, with committed reports of its own.
    with here.params() as params:
        params["data"]["dataset"] = "mnist"
        params["variants"]["extra"] = {}
    shutil.copy(here.path / "reports/metrics/tanh_sgd.json", here.path / "reports/metrics/extra.json")
    here.edit("src/lenet/commands/demo.py", ("SEEDS = (0, 1, 2)", "SEEDS = (0, 1)"))  # which are trained
    here.commit()
    unreachable = {"https_proxy": "http://127.0.0.1:9"}
    misspelt = here.module("commands.repro", MNIST_MIRROR="mnsit", **unreachable, status=1)
    assert "warning: MNIST_MIRROR=mnsit: " in misspelt.stderr
    assert "make demo" not in misspelt.stdout + misspelt.stderr
    done = here.module("commands.repro", **unreachable)
    assert "MNIST could not be downloaded from any source:" in done.stderr
    assert "Running `make demo` instead" in done.stdout
    assert "bundled digits" in done.stdout
    assert trained(done) == 0
    assert here.git("status", "--porcelain") == ""
    assert (here.path / ".demo/reports/index.html").is_file()
    assert "MNIST" not in (here.path / ".demo/reports/comparison.csv").read_text()
