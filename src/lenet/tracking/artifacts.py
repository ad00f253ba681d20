"""What is attached to a run in MLflow: two pages in HTML and the network, as an MLflow model."""

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
from lenet.mnist.splits import Split
from lenet.network import determinism
from lenet.training.trained_run import ARCHITECTURE, WEIGHTS

# The names of a run's models: in Keras's format, and as TensorFlow operations.
NETWORK, SERVED = "network", "served"
_WRONG_DIGITS = 8
_SIGNATURE = ModelSignature(
    inputs=Schema([TensorSpec(np.dtype(np.uint8), (-1, 28, 28))]),
    outputs=Schema([TensorSpec(np.dtype(np.float32), (-1, 10))]),
)


def confusion_page(title: str, confusion: Sequence[Sequence[int]]) -> str:
    """Return a table of confusion counts (10, 10), rows actual, columns predicted, with the recall of each class."""
    counts = np.asarray(confusion)
    percents, recalls = percent_of_actual(counts), recall_percent(counts)
    header = "".join(f"<th>{digit}" for digit in range(len(counts)))
    rows = []
    for digit, (of_class, percent, recall) in enumerate(zip(counts, percents, recalls, strict=True)):
        cells = [
            f"<td class=right>{count}" if column == digit else f"<td style='background:{_shade(share)}'>{count or ''}"
            for column, (count, share) in enumerate(zip(of_class, percent, strict=True))
        ]
        rows.append(f"<tr><th>{digit}{''.join(cells)}<td class=recall>{recall:.2f}")
    return _page(
        f"{title}: confusion",
        "Rows: the actual class. Columns: the predicted class. Numbers of test digits; recall in percent.",
        f"<table><tr><th>{header}<th>recall{''.join(rows)}</table>",
    )


def _shade(percent: float) -> str:
    """Return the colour of a mistake: white for none, orange from 2 % of the class on."""
    return f"rgba(213, 94, 0, {min(percent / 2, 1):.2f})"


def mistakes_page(title: str, probabilities: np.ndarray, test: Split) -> str:
    """Return the test digits that a run misread with the greatest confidence. probabilities: float32 (n, 10)."""
    from lenet.report import pictures  # imports Matplotlib: only where there is something to draw

    predicted = probabilities.argmax(axis=1)
    confidence = np.where(predicted != test.labels, probabilities.max(axis=1), 0.0)
    worst = [index for index in np.argsort(-confidence, kind="stable")[:_WRONG_DIGITS] if confidence[index] > 0]
    figures = [
        f"<figure><img src='{pictures.as_url(pictures.ink(test.images[index]))}' alt=''>"
        f"<figcaption>{test.labels[index]} as {predicted[index]}: {100 * confidence[index]:.0f} %</figcaption></figure>"
        for index in worst
    ]
    return _page(f"{title}: most confident mistakes", "The digit, what it was read as, how sure.", "".join(figures))


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
def keras_model(run: Path, about: Model, versions: Mapping[str, str]) -> Iterator[Path]:
    """Yield a folder with a run's network as an MLflow model in Keras's format.

    run: the folder of the run's files. about: the ids of the model. versions: of the libraries that trained it. It
    loads where this project is installed. Its file is put together without TensorFlow, whose import takes seconds.
    """
    with tempfile.TemporaryDirectory(prefix="lenet-") as folder:
        (Path(folder) / "data").mkdir()
        with zipfile.ZipFile(Path(folder) / "data/model.keras", "w") as file:
            file.writestr("metadata.json", json.dumps({"keras_version": versions["keras"]}))
            file.write(run / ARCHITECTURE, "config.json")
            file.write(run / WEIGHTS, "model.weights.h5")
        about.signature = _SIGNATURE
        about.add_flavor("keras", data="data", keras_version=versions["keras"], save_exported_model=False)
        pyfunc.add_to_model(about, loader_module=__name__)
        about.save(Path(folder) / "MLmodel")
        yield Path(folder)


def _load_pyfunc(path: str) -> object:
    """Load what `keras_model` has written; MLflow calls this, by its name."""
    import mlflow.keras  # imports TensorFlow

    from lenet.network import layers  # noqa: F401  # registers them with Keras

    return mlflow.keras._load_pyfunc(path)


@contextmanager
def served_model(model_id: str, about: Model, versions: Mapping[str, str], example: np.ndarray) -> Iterator[Path]:
    """Yield a folder with a Keras model of the store as TensorFlow operations, which load without this project.

    example: raw digits, uint8 (n, 28, 28).
    """
    determinism.prepare()
    import mlflow.keras  # imports TensorFlow

    from lenet.network import layers  # noqa: F401  # registers them with Keras

    network = mlflow.keras.load_model(f"models:/{model_id}")
    with tempfile.TemporaryDirectory(prefix="lenet-") as folder:
        with redirect_stdout(io.StringIO()):  # it prints a list of tensors
            mlflow.keras.save_model(
                network,
                folder,
                save_exported_model=True,
                mlflow_model=about,
                signature=_SIGNATURE,
                input_example=example,
                pip_requirements=[f"{name}=={versions[name]}" for name in ("tensorflow", "keras", "numpy")],
            )
        yield Path(folder)
