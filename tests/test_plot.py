"""The plot stage, end to end on tiny results of two variants."""

import csv
import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from builders import labels, predictions, variant_result
from conftest import ROOT
from ruamel.yaml import YAML

from lenet import distortion, plot
from lenet.config import load_settings
from lenet.data import Split, save_split, split_path
from lenet.errors import LabError
from lenet.predictions import save_predictions
from lenet.results import save_result

ERRORS = {"tanh_sgd": [10.0, 12.0], "relu_adam": [3.0, 4.0]}


def write_params(folder, **of_relu_adam):
    """Write settings of two variants: the committed base, and it with these changes."""
    committed = YAML(typ="safe").load(ROOT / "params.yaml")
    small = {
        "data": {"dataset": "digits"},
        "seeds": [0, 1],
        "about": {"tanh_sgd": "as in 1998", "relu_adam": "today's"},
        "variants": {"tanh_sgd": committed["base"], "relu_adam": committed["base"] | of_relu_adam},
        "comparison": {"ladder": ["tanh_sgd", "relu_adam"], "factorial": []},
    }
    (folder / "params.yaml").write_text(json.dumps(committed | small))  # JSON is YAML


def evaluated(folder):
    """Leave in `folder`, which is the current one, what evaluate leaves of two variants."""
    write_params(folder, translation=2.0)
    images = np.random.default_rng(2).integers(0, 256, (100, 28, 28), dtype=np.uint8)
    for split in ("train", "test"):
        save_split(split_path(split), Split(images, labels(100)))
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
    assert len(figures) == 6
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


def test_where_no_variant_distorts_there_is_no_figure_of_it(small):
    write_params(small)
    plot.main()
    files = reports(small)
    assert "figures/distortions.png" not in files
    assert "distortions.png" not in files["index.html"].decode()
    assert "figures/inside.png" in files


def test_distorted_copies_are_of_one_training_digit_per_class_and_differ_between_epochs(digits):
    base = load_settings(ROOT / "params.yaml").base
    moved = base.model_copy(update={"translation": 2.0})
    (copies,) = plot.distorted_copies({"still": base, "moved": moved}, digits).values()
    first = [np.flatnonzero(digits.labels == digit)[0] for digit in (2, 5, 8)]
    assert (copies.shape, copies.dtype) == ((3, 10, 28, 28), np.uint8)
    np.testing.assert_array_equal(copies[:, 0], digits.images[first])
    assert len({copy.tobytes() for copy in copies[0]}) == 10


def test_distorted_copies_are_those_that_seed_0_trains_on_first(digits):
    settings = load_settings(ROOT / "params.yaml").base.model_copy(update={"translation": 2.0})
    (copies,) = plot.distorted_copies({"moved": settings}, digits).values()
    everything = distortion.distort(digits.images, settings, seed=0, epoch=0, examples=np.arange(len(digits)))
    np.testing.assert_array_equal(copies[0, 1], everything[np.flatnonzero(digits.labels == 2)[0]])


def test_variants_that_distort_alike_share_their_copies(digits):
    base = load_settings(ROOT / "params.yaml").base
    once, twice = (base.model_copy(update={"translation": pixels}) for pixels in (1.0, 2.0))
    longer = twice.model_copy(update={"epochs": 60})
    assert list(plot.distorted_copies({"a": twice, "b": once, "c": longer}, digits)) == ["a\nc", "b"]


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


def test_in_a_temporary_workspace_strays_of_the_commit_are_removed(workspace, monkeypatch):
    evaluated(workspace)
    stray = workspace / "reports/details/removed.json"
    stray.write_text("{}")
    with pytest.raises(LabError, match="no longer has"):
        plot.main()
    monkeypatch.setenv("DVC_ROOT", str(workspace.parent))  # as DVC names the checkout there
    plot.main()
    assert not stray.exists()
