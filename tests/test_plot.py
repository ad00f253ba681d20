"""The plot stage, end to end on tiny results of two variants."""

import csv
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from builders import labels, predictions, variant_result

from lenet import plot
from lenet.data import Split, save_split, split_path
from lenet.errors import LabError
from lenet.predictions import save_predictions
from lenet.results import save_result

ROOT = Path(__file__).parent.parent
PARAMS = """\
data: {dataset: digits}
preprocess: {validation_size: 0.1, split_seed: 0}
seeds: [0, 1]
about: {tanh_sgd: as in 1998, relu_adam: today's}
base: &base {activation: tanh, optimizer: sgd, learning_rate: 0.01, batch_size: 32, epochs: 2, dropout: 0.0}
variants:
  tanh_sgd:
    <<: *base
  relu_adam:
    <<: *base
    activation: relu
compute: {workers: 1}
"""
ERRORS = {"tanh_sgd": [10.0, 12.0], "relu_adam": [3.0, 4.0]}


def evaluated(folder):
    """Leave in `folder`, which is the current one, what evaluate leaves of two variants."""
    (folder / "params.yaml").write_text(PARAMS)
    images = np.random.default_rng(2).integers(0, 256, (100, 28, 28), dtype=np.uint8)
    save_split(split_path("test"), Split(images, labels(100)))
    for variant, errors in ERRORS.items():
        save_result(variant_result(variant, errors))
        save_predictions(variant, predictions(len(errors), 100, round(errors[0])), labels(100))


def reports(folder):
    """Return path → bytes of all that plot writes."""
    files = (path for path in (folder / "reports").rglob("*") if path.is_file() and "details" not in path.parts)
    return {str(path.relative_to(folder / "reports")): path.read_bytes() for path in files}


@pytest.fixture(scope="module")
def plotted(tmp_path_factory):
    """A workspace in which the stage ran, and what it wrote."""
    folder = tmp_path_factory.mktemp("workspace")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        evaluated(folder)
        plot.main()
    return folder, reports(folder)


@pytest.fixture
def small(tmp_path, monkeypatch):
    """A workspace in which the stage can run and has not."""
    monkeypatch.chdir(tmp_path)
    evaluated(tmp_path)
    return tmp_path


def test_all_files_are_written_and_no_other(plotted):
    _, files = plotted
    figures = {f"figures/{name}" for name in plot.CAPTIONS}
    assert len(figures) == 5
    assert set(files) == {"comparison.csv", "index.html"} | figures


def test_the_comparison_has_a_row_per_variant_in_the_order_of_params_yaml(plotted):
    _, files = plotted
    rows = list(csv.DictReader(files["comparison.csv"].decode().splitlines()))
    assert [row["variant"] for row in rows] == ["tanh_sgd", "relu_adam"]
    assert [float(row["test_error_percent_mean"]) for row in rows] == [11.0, 3.5]


def test_the_page_names_every_figure_and_every_description(plotted):
    page = plotted[1]["index.html"].decode()
    assert [name for name in plot.CAPTIONS if f'src="figures/{name}"' not in page] == []
    assert "as in 1998" in page
    assert "today&#39;s" in page


def test_running_again_in_another_process_gives_the_same_bytes_without_tensorflow(plotted):
    folder, before = plotted
    program = (
        "import sys; from lenet import errors, plot; errors.run(plot.main); "
        "print([name for name in ('tensorflow', 'keras', 'mlflow') if name in sys.modules])"
    )
    environment = os.environ | {"PYTHONPATH": str(ROOT / "src"), "PYTHONHASHSEED": "3"}
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=folder, env=environment, capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "[]\n", "")
    assert reports(folder) == before


def test_outputs_of_a_removed_variant_are_refused_and_nothing_is_written(small):
    save_result(variant_result("gone"))
    with pytest.raises(LabError, match=r"reports/details/gone\.json"):
        plot.main()
    assert reports(small) == {}


@pytest.mark.parametrize(
    ("missing", "mend"),
    [
        ("reports/details/relu_adam.json", "dvc repro evaluate@relu_adam"),
        ("predictions/tanh_sgd.npz", "dvc repro evaluate@tanh_sgd"),
    ],
)
def test_what_is_missing_is_named_with_the_command_that_makes_it_and_nothing_is_written(small, missing, mend):
    Path(missing).unlink()
    with pytest.raises(LabError) as caught:
        plot.main()
    assert missing in str(caught.value)
    assert mend in str(caught.value)
    assert reports(small) == {}


def test_every_caption_is_a_sentence():
    assert [caption for caption in plot.CAPTIONS.values() if not caption.endswith(".")] == []
