"""The plot stage, end to end on tiny results of two variants."""

import csv
import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from ruamel.yaml import YAML
from support.builders import labels, save_evaluated, variant_result
from support.params import COMPARED
from support.paths import ROOT
from support.stages import files_read, outputs_of, undeclared

from lenet import plot
from lenet.errors import LabError
from lenet.evaluation.results import save_result
from lenet.mnist.splits import Split, save_split, split_path

pytestmark = pytest.mark.slow  # the whole stage

# The folders of reports/ that plot only reads.
INPUTS = ("details", "misread")
ERRORS = {"tanh_sgd": [10.0, 12.0], "relu_adam": [3.0, 4.0]}


def write_inputs(folder):
    """Write the inputs of plot for two variants to `folder`, which must be the current folder.

    tanh_sgd is the committed base, and relu_adam is the base with distortions.
    """
    committed = YAML(typ="safe").load(ROOT / "params.yaml")
    small_study = {
        "data": {"dataset": "digits"},
        "seeds": [0, 1],
        "about": {"tanh_sgd": "as in 1998", "relu_adam": "today's"},
        "variants": {"tanh_sgd": {}, "relu_adam": {"translation": 2.0}},
        "comparison": dict(COMPARED),
    }
    (folder / "params.yaml").write_text(json.dumps(committed | small_study))  # JSON is YAML
    images = np.random.default_rng(2).integers(0, 256, (100, 28, 28), dtype=np.uint8)
    for split in ("train", "test"):
        save_split(split_path(split), Split(images, labels(100)))
    for variant, errors in ERRORS.items():
        save_evaluated(variant, errors)


def reports(folder):
    """Return the files that plot writes: path → content."""
    files = (path for path in (folder / "reports").rglob("*") if path.is_file() and path.parent.name not in INPUTS)
    return {str(path.relative_to(folder / "reports")): path.read_bytes() for path in files}


@pytest.fixture(scope="module")
def plotted(tmp_path_factory):
    """A workspace in which the stage plot has run, the files that the stage wrote, and the names of those it read."""
    folder = tmp_path_factory.mktemp("workspace")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        write_inputs(folder)
        read = files_read(plot.main)
    return folder, reports(folder), read


@pytest.fixture
def ready(tmp_path, monkeypatch):
    """A workspace in which the stage plot can run, but has not run yet."""
    monkeypatch.chdir(tmp_path)
    write_inputs(tmp_path)
    return tmp_path


def test_exactly_the_outputs_of_the_stage_are_written_and_variants_keep_the_order_of_params_yaml(plotted):
    _, files, _ = plotted
    names = (
        "test_error",
        "learning_curves",
        "distortions",
        "confusion",
        "wrong_digits",
        "inside",
        "ladder",
        "ladder_dark",
    )
    figures = {f"figures/{name}.png" for name in names}
    outputs = {path.removeprefix("reports/") for path in outputs_of("plot")}
    pictures = {name for name in files if name.startswith("pictures/")}
    assert set(files) - pictures == outputs - {"figures", "pictures"} | figures
    assert {"pictures/digit-0.png", "pictures/inside-tanh_sgd-c1.png", "pictures/distorted-relu_adam.png"} <= pictures
    rows = csv.DictReader(files["comparison.csv"].decode().splitlines())
    assert [row["variant"] for row in rows] == ["tanh_sgd", "relu_adam"]


def test_running_again_in_another_process_gives_the_same_bytes_and_does_not_import_tensorflow(plotted):
    folder, before, _ = plotted
    program = (
        "import sys; from lenet import plot, program; program.run(plot.main); "
        "print([name for name in ('tensorflow', 'keras', 'mlflow') if name in sys.modules])"
    )
    environment = os.environ | {"PYTHONPATH": str(ROOT / "src"), "PYTHONHASHSEED": "3"}
    finished = subprocess.run(
        [sys.executable, "-c", program], cwd=folder, env=environment, capture_output=True, text=True, check=False
    )
    assert (finished.returncode, finished.stdout, finished.stderr) == (0, "[]\n", "")
    assert reports(folder) == before


def test_plot_reads_only_files_that_dvc_yaml_declares(plotted):
    """If plot read an undeclared file, DVC would not run plot again after a change to this file."""
    _, _, files = plotted
    assert {"reports/details/tanh_sgd.json", "reports/misread/tanh_sgd.csv", "predictions/tanh_sgd.npz"} <= set(files)
    assert undeclared("plot", files) == []


def test_a_missing_input_is_named_with_the_command_that_makes_it_and_nothing_is_written(ready):
    Path("predictions/tanh_sgd.npz").unlink()
    with pytest.raises(LabError, match=r"^predictions/tanh_sgd\.npz .*dvc repro evaluate@tanh_sgd"):
        plot.main()
    assert reports(ready) == {}


def test_results_of_a_removed_variant_are_removed(ready):
    save_result(variant_result("gone"))
    Path("predictions/tanh_sgd.npz").unlink()  # ends the stage early, before it draws anything
    with pytest.raises(LabError):
        plot.main()
    assert not Path("reports/details/gone.json").exists()
