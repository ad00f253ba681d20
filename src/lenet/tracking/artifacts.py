"""Create the attachments of an MLflow run: two HTML pages, and the network as MLflow models in two formats."""

import io
import json
import tempfile
import zipfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, redirect_stdout
from pathlib import Path

import numpy as np
from mlflow import pyfunc
from mlflow.models import Model, ModelSignature
from mlflow.types import Schema, TensorSpec

from lenet.evaluation.metrics import percent_of_actual, recall_percent
from lenet.evaluation.misread import most_confident_mistakes
from lenet.mnist.splits import Split
from lenet.network import determinism
from lenet.training.trained_run import ARCHITECTURE, WEIGHTS

# The names of the two models of an MLflow run: NETWORK is in Keras's format, SERVED consists of TensorFlow operations.
NETWORK, SERVED = "network", "served"
_MAX_MISTAKES_SHOWN = 8
_SIGNATURE = ModelSignature(
    inputs=Schema([TensorSpec(np.dtype(np.uint8), (-1, 28, 28))]),
    outputs=Schema([TensorSpec(np.dtype(np.float32), (-1, 10))]),
)


def confusion_page(title: str, confusion: Sequence[Sequence[int]]) -> str:
    """Return the HTML page with the confusion matrix and the recall of each class.

    confusion: counts (10, 10). The row is the actual class, the column the predicted class.
    """
    counts = np.asarray(confusion)
    percents, recalls = percent_of_actual(counts), recall_percent(counts)
    header = "".join(f"<th>{label}" for label in range(len(counts)))
    rows = []
    for actual, (row_counts, row_percents, recall) in enumerate(zip(counts, percents, recalls, strict=True)):
        cells = [
            f"<td class=right>{count}"
            if predicted == actual
            else f"<td style='background:rgba(213, 94, 0, {min(percent / 2, 1):.2f})'>{count or ''}"  # full at 2 %
            for predicted, (count, percent) in enumerate(zip(row_counts, row_percents, strict=True))
        ]
        rows.append(f"<tr><th>{actual}{''.join(cells)}<td class=recall>{recall:.2f}")
    return _page(
        f"{title}: confusion",
        "Rows: the actual class. Columns: the predicted class. Numbers of test images; recall in percent.",
        f"<table><tr><th>{header}<th>recall{''.join(rows)}</table>",
    )


def mistakes_page(title: str, probabilities: np.ndarray, test: Split) -> str:
    """Return the HTML page with the run's most confident mistakes on the test set. probabilities: float32 (n, 10)."""
    from lenet.report import pictures  # imports Matplotlib, which is rarely needed here

    figures = [
        f"<figure><img src='{pictures.as_data_url(pictures.ink(test.images[index]))}' alt=''>"
        f"<figcaption>{caption}</figcaption></figure>"
        for index, caption in most_confident_mistakes(probabilities, test.labels, _MAX_MISTAKES_SHOWN).items()
    ]
    return _page(f"{title}: most confident mistakes", "The image, what it was read as, how sure.", "".join(figures))


def _page(title: str, note: str, content: str) -> str:
    return f"""\
<!doctype html><meta charset=utf-8><title>{title}</title>
<style>
body {{ font: 14px sans-serif; color: #222 }} h1 {{ font-size: 16px }}
td, th {{ width: 3em; height: 2em; text-align: center }}
.right {{ color: #888 }} .recall {{ border-left: 1px solid #888 }}
figure {{ display: inline-block; margin: 8px; text-align: center }} img {{ width: 84px; image-rendering: pixelated }}
</style>
<h1>{title}</h1><p>{note}</p>{content}
"""


@contextmanager
def keras_model(run_folder: Path, metadata: Model, versions: Mapping[str, str]) -> Iterator[Path]:
    """Yield a folder that contains a run's network as an MLflow model in Keras's format.

    The model loads only where this project is installed. The .keras file is zipped without Keras, because importing
    TensorFlow takes seconds.

    run_folder: contains the run's files. metadata: MLflow's description of the model, which already has its ids.
    versions: the versions of the libraries that trained the network.
    """
    with tempfile.TemporaryDirectory(prefix="lenet-") as folder:
        (Path(folder) / "data").mkdir()
        with zipfile.ZipFile(Path(folder) / "data/model.keras", "w") as file:
            file.writestr("metadata.json", json.dumps({"keras_version": versions["keras"]}))
            file.write(run_folder / ARCHITECTURE, "config.json")
            file.write(run_folder / WEIGHTS, "model.weights.h5")
        metadata.signature = _SIGNATURE
        metadata.add_flavor("keras", data="data", keras_version=versions["keras"], save_exported_model=False)
        pyfunc.add_to_model(metadata, loader_module=__name__)
        metadata.save(Path(folder) / "MLmodel")
        yield Path(folder)


def _load_pyfunc(path: str) -> object:
    """Load a model that `keras_model` wrote. MLflow looks for a function of this name and calls it."""
    import mlflow.keras  # imports TensorFlow

    from lenet.network import layers  # noqa: F401  # registers this project's layers with Keras

    return mlflow.keras._load_pyfunc(path)


@contextmanager
def served_model(model_id: str, metadata: Model, versions: Mapping[str, str], example: np.ndarray) -> Iterator[Path]:
    """Yield a folder that contains a network as an MLflow model of TensorFlow operations.

    The model loads without this project. model_id: the id of the network's Keras model in the MLflow store. example: an
    input for the network, raw images, uint8 (n, 28, 28).
    """
    determinism.prepare()
    import mlflow.keras  # imports TensorFlow

    from lenet.network import layers  # noqa: F401  # registers this project's layers with Keras

    network = mlflow.keras.load_model(f"models:/{model_id}")
    with tempfile.TemporaryDirectory(prefix="lenet-") as folder:
        with redirect_stdout(io.StringIO()):  # Keras prints a list of tensors
            mlflow.keras.save_model(
                network,
                folder,
                save_exported_model=True,
                mlflow_model=metadata,
                signature=_SIGNATURE,
                input_example=example,
                pip_requirements=[f"{name}=={versions[name]}" for name in ("tensorflow", "keras", "numpy")],
            )
        yield Path(folder)
