"""Stage 4, once per variant: `dvc repro evaluate@<variant>`. The only stage that measures on the test set.

Reads models/<variant>/ and data/processed/test.npz; writes reports/metrics/<variant>.json (the two numbers that
`dvc metrics diff` and `dvc exp show` print), reports/details/<variant>.json (everything per seed),
reports/misread/<variant>.csv (the misread digits), reports/curves/<variant>.csv (learning curves, mean over seeds) and
predictions/<variant>.npz; then publishes the variant to MLflow.
Takes about a second per seed, after TensorFlow's import.
"""

import hashlib
import json
import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from lenet import errors
from lenet.evaluation import metrics
from lenet.evaluation.architecture import describe
from lenet.evaluation.comparison import compare
from lenet.evaluation.metrics import TEST_ERROR, TEST_ERROR_INTERVAL
from lenet.evaluation.misread import find_misread, save_misread
from lenet.evaluation.predictions import Predictions, save_predictions
from lenet.evaluation.results import SeedResult, VariantResult, learning_curve, save_result
from lenet.evaluation.writers import load_writers
from lenet.mnist.splits import Split, load_split, load_statistics
from lenet.network import determinism
from lenet.runs.files import Run, read_runs
from lenet.settings import load_settings
from lenet.tracking import mlflow_store
from lenet.training.trained_run import EPOCH_METRICS, VALIDATION_ERROR
from lenet.workspace import CURVES, METRICS, variant_of_stage, written_whole

if TYPE_CHECKING:
    import keras


def score(run: Run, weights: bytes, probabilities: np.ndarray, test: Split) -> SeedResult:
    """Measure one run on the test set. weights: the content of its weights file. probabilities: float32 (n, 10)."""
    counts = metrics.confusion(probabilities, test.labels)
    scalars = {each.name: each.measure(probabilities, test.labels) for each in metrics.METRICS if each.measure}
    recalls = metrics.recall_percent(counts)
    scalars |= {f"test/recall_percent/{digit}": recall for digit, recall in enumerate(recalls) if recall == recall}
    return SeedResult(
        identity=run.identity,
        weights=hashlib.sha256(weights).hexdigest(),
        metrics={name: round(float(value), 6) for name, value in scalars.items()},
        confusion=counts.tolist(),
        history=run.history,
    )


def summarise(seeds: Sequence[SeedResult], wrong: np.ndarray) -> dict[str, float]:
    """Return the mean of every metric after the last epoch, and with several seeds its standard deviation (`…_sd`).

    With several seeds also the ends of the test error's interval; wrong: bool (seeds, n), the misread digits.
    """
    last = [{name: values[-1] for name, values in seed.history.items()} | dict(seed.metrics) for seed in seeds]
    summary = {}
    for name in last[0]:
        values = [metrics_of_seed[name] for metrics_of_seed in last]
        mean, sd = metrics.mean_and_sd(values)
        summary[name] = round(mean, 6)
        if sd is not None:
            summary[f"{name}_sd"] = round(sd, 6)
    writers = load_writers(seeds[0].identity.data.dataset, wrong.shape[1])
    (error,) = compare({"": wrong}, [], writers=writers).errors.values()
    if error.is_known:
        summary |= dict(zip(TEST_ERROR_INTERVAL, (round(error.low, 6), round(error.high, 6)), strict=True))
    return summary


def look_inside(model: "keras.Model", digit: np.ndarray) -> dict[str, np.ndarray]:
    """Return the filters of C1, and the feature maps of C1, S2 and C3 for one digit, uint8 (28, 28)."""
    import keras

    maps = keras.Model(model.inputs[0], {name: model.get_layer(name).output for name in ("c1", "s2", "c3")})
    outputs = {name: output.numpy() for name, output in maps(digit[np.newaxis]).items()}
    filters = model.get_layer("c1").kernel.numpy()[:, :, 0, :]
    return {"filters": filters, "digit": digit} | {name: array[0] for name, array in outputs.items()}


def export(model: "keras.Model") -> dict[str, np.ndarray]:
    """Return all that computes the network without Keras: its weights, whose they are, and the scaling of pixels."""
    scale, weights = model.get_layer("scale"), [(layer, each) for layer in model.layers for each in layer.weights]
    return {
        "weights": np.concatenate([each.numpy().ravel() for _, each in weights]),
        "layout": np.array([f"{layer.name} {each.name} {math.prod(each.shape)}" for layer, each in weights]),
        "scaling": np.array([scale.scale, scale.offset]),
    }


def save_metrics(variant: str, summary: Mapping[str, float]) -> None:
    """Write the two scalars that DVC shows."""
    headline = {name.replace("/", "_"): summary[name] for name in (VALIDATION_ERROR, TEST_ERROR) if name in summary}
    with written_whole(METRICS / f"{variant}.json") as partial:
        partial.write_text(json.dumps(headline, indent=2) + "\n", encoding="utf-8")


def save_curves(variant: str, seeds: Sequence[SeedResult]) -> None:
    """Write the learning curves, mean over seeds, one row per epoch; `nan` where there is no validation score.

    DVC's plot wants all columns, and draws an empty cell as 0, but `nan` as nothing.
    """
    means = {name: learning_curve(seeds, name).mean for name in seeds[0].history}
    curves = pd.DataFrame(means).reindex(columns=EPOCH_METRICS).rename_axis("epoch")
    curves.index += 1
    with written_whole(CURVES / f"{variant}.csv") as partial:
        curves.to_csv(partial, float_format="%.6f", na_rep="nan", lineterminator="\n")


def main(variant: str) -> None:
    settings = load_settings()
    # dvc.yaml gives this stage no settings of the variant as params: its runs hold them, and they change with models/.
    runs = read_runs(variant, settings.seeds, settings.variant(variant).model_dump())
    test, statistics = load_split("test"), load_statistics()
    determinism.prepare()
    from lenet.network import model as networks

    model = networks.build_model(settings.variant(variant), statistics)  # for all runs: tracing takes a second
    predict = networks.predictor(model)
    results, outputs = [], []
    for run in runs:
        networks.load_weights(model, run.architecture, run.weights)
        outputs.append(predict(test.images))
        results.append(score(run, run.weights.read_bytes(), outputs[-1], test))
        if run is runs[0]:
            first = look_inside(model, test.images[0]) | export(model)
    predictions = Predictions(probabilities=np.stack(outputs), **first)
    misread = find_misread(predictions.probabilities.argmax(axis=2), test.labels)
    summary = summarise(results, misread.wrong(len(test)))
    result = VariantResult(
        variant, model.count_params(), networks.multiply_accumulates(model), describe(model), summary, results
    )
    save_predictions(variant, predictions)
    save_misread(variant, misread, settings.seeds)
    save_curves(variant, results)
    save_metrics(variant, result.summary)
    save_result(result)
    if not mlflow_store.is_left_alone():
        with mlflow_store.failures_as_warnings():
            from lenet.tracking import publish  # imports MLflow, for seconds

            publish.publish_variant(variant)


if __name__ == "__main__":
    errors.run(lambda: main(variant_of_stage("evaluate")), "interrupted: `dvc repro` does this stage again")
