"""Stage 4, run once per variant with `dvc repro evaluate@<variant>`: measure the variant's networks on the test set.

No other stage measures on the test set. Reads models/<variant>/ and data/processed/test.npz. Writes:

- reports/metrics/<variant>.json: the two numbers that `dvc metrics diff` and `dvc exp show` print
- reports/details/<variant>.json: all results of each seed
- reports/misread/<variant>.csv: the misread images
- reports/curves/<variant>.csv: learning curves (mean over the seeds)
- predictions/<variant>.npz: predicted probabilities, and arrays that describe the first seed's network

Then publishes the variant to MLflow. Takes about a second per seed, after the import of TensorFlow.
"""

import hashlib
import math
from typing import TYPE_CHECKING

import numpy as np

from lenet import program
from lenet.evaluation import metrics, summary
from lenet.evaluation.architecture import describe
from lenet.evaluation.misread import find_misread, save_misread
from lenet.evaluation.predictions import Predictions, save_predictions
from lenet.evaluation.results import SeedResult, VariantResult
from lenet.mnist.splits import Split, load_split, load_statistics
from lenet.network import determinism
from lenet.runs.files import SavedRun, read_runs
from lenet.settings import load_settings
from lenet.tracking import mlflow_store
from lenet.workspace import variant_of_stage

if TYPE_CHECKING:
    import keras


def score(run: SavedRun, weights: bytes, probabilities: np.ndarray, test: Split) -> SeedResult:
    """Measure one run on the test set.

    weights: the content of the run's weights file. probabilities: the network's output for n test images, float32
    (n, 10).
    """
    confusion = metrics.confusion(probabilities, test.labels)
    scalars = {metric.name: metric.measure(probabilities, test.labels) for metric in metrics.METRICS if metric.measure}
    recalls = metrics.recall_percent(confusion)
    # A class without test images has the recall NaN, which does not equal itself.
    scalars |= {f"test/recall_percent/{label}": recall for label, recall in enumerate(recalls) if recall == recall}
    return SeedResult(
        identity=run.identity,
        weights=hashlib.sha256(weights).hexdigest(),
        metrics={name: round(float(value), 6) for name, value in scalars.items()},
        confusion=confusion.tolist(),
        history=run.history,
    )


def filters_and_feature_maps(model: "keras.Model", image: np.ndarray) -> dict[str, np.ndarray]:
    """Return the filters of layer C1, and the feature maps that layers C1, S2 and C3 compute from `image`.

    image: uint8 (28, 28).
    """
    import keras

    feature_model = keras.Model(model.inputs[0], {name: model.get_layer(name).output for name in ("c1", "s2", "c3")})
    outputs = {name: output.numpy() for name, output in feature_model(image[np.newaxis]).items()}
    filters = model.get_layer("c1").kernel.numpy()[:, :, 0, :]
    return {"filters": filters, "digit": image} | {name: array[0] for name, array in outputs.items()}


def exported_network(model: "keras.Model") -> dict[str, np.ndarray]:
    """Return three arrays with which the network can be computed without Keras.

    weights: the values of all weight arrays, one after the other. layout: layer, name and size of each weight array.
    scaling: factor and offset of the pixels.
    """
    scale, weights = model.get_layer("scale"), [(layer, weight) for layer in model.layers for weight in layer.weights]
    return {
        "weights": np.concatenate([weight.numpy().ravel() for _, weight in weights]),
        "layout": np.array([f"{layer.name} {weight.name} {math.prod(weight.shape)}" for layer, weight in weights]),
        "scaling": np.array([scale.scale, scale.offset]),
    }


def main(variant: str) -> None:
    settings = load_settings()
    # In dvc.yaml this stage does not depend on the settings of the variant, but on models/, where each run has them.
    runs = read_runs(variant, settings.seeds, settings.variant(variant).model_dump())
    test, statistics = load_split("test"), load_statistics()
    determinism.prepare()
    from lenet.network import model as networks

    model = networks.build_model(settings.variant(variant), statistics)  # one for all runs: tracing takes a second
    predict = networks.make_predictor(model)
    results, outputs = [], []
    for run in runs:
        networks.load_weights(model, run.architecture, run.weights)
        outputs.append(predict(test.images))
        results.append(score(run, run.weights.read_bytes(), outputs[-1], test))
        if run is runs[0]:
            arrays_of_first_run = filters_and_feature_maps(model, test.images[0]) | exported_network(model)
    predictions = Predictions(probabilities=np.stack(outputs), **arrays_of_first_run)
    misread = find_misread(predictions.probabilities.argmax(axis=2), test.labels)
    means = summary.summarise(results, misread.wrong(len(test)))
    result = VariantResult(
        variant, model.count_params(), networks.multiply_accumulates(model), describe(model), means, results
    )
    save_predictions(variant, predictions)
    save_misread(variant, misread, settings.seeds)
    summary.save_all(result)
    if not mlflow_store.is_disabled():
        with mlflow_store.failures_as_warnings():
            from lenet.tracking import publish  # imports MLflow, which takes seconds

            publish.publish_variant(variant)


if __name__ == "__main__":
    program.run(lambda: main(variant_of_stage("evaluate")), "interrupted: `dvc repro` runs this stage again")
