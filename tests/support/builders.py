"""Build small results for tests, with numbers that are easy to check by hand.

Every run has two epochs and 100 test images, ten of each class, with the labels 0, 1, … 9, 0, 1, … A run with an error
of `e` percent predicts the next class (label + 1, and 0 after 9) for the first `e` images, and the right class for
the others. So `seed_result(error=7)` and `predictions(1, 100, wrong=7)` describe the same run.
"""

import itertools
import statistics
from dataclasses import replace

import numpy as np

from lenet.evaluation.architecture import LayerShape
from lenet.evaluation.comparison import compare
from lenet.evaluation.metrics import TEST_ERROR_INTERVAL
from lenet.evaluation.misread import find_misread, save_misread
from lenet.evaluation.predictions import Predictions, save_predictions
from lenet.evaluation.results import SeedResult, VariantResult, save_result
from lenet.evaluation.study import Study
from lenet.mnist.splits import Split
from lenet.runs.identity import DataIdentity, RunIdentity
from lenet.settings import Settings, load_settings
from support.paths import ROOT

EPOCHS = 2
# Test errors of a ladder. Its first step makes no detectable difference; its second step does.
LADDER = {"tanh_sgd": [10.0, 12.0, 11.0], "relu_adam": [9.0, 12.0, 11.0], "modern": [3.0, 4.0, 5.0]}
# Test errors of a 2×2. Both changes together gain more than the sum of what each gains alone.
FOUR = {"a": [20.0, 21.0], "b": [19.0, 18.0], "c": [18.0, 19.0], "d": [1.0, 2.0]}
BASE = load_settings(ROOT / "params.yaml").base.model_dump()


def settings(**changes):
    """Return a variant's settings, as in run.json: the base of params.yaml with two epochs.

    changes: the settings that differ from this base, with their values.
    """
    return BASE | {"epochs": EPOCHS} | changes


def identity(seed=0, dataset="digits", **changes):
    return RunIdentity(
        seed=seed,
        settings=settings(**changes),
        data=DataIdentity(
            dataset, 0.1, 0, train_md5="1" * 32, validation_md5="2" * 32, pixel_mean=40.0, pixel_sd=80.0, fold=None
        ),
        code="c" * 64,
        versions={
            "h5py": "3.15.0",
            "keras": "3.13.0",
            "llvmlite": "0.46.0",
            "numba": "0.68.1",
            "numpy": "2.4.0",
            "scikit-learn": "1.8.0",
            "tensorflow": "2.21.0",
        },
        machine="x86_64",
    )


def seed_result(seed=0, error=10.0, dataset="digits"):
    """Return the result of one run. The validation error equals the test error; the training error is half as large.

    error: the test error in percent.
    """
    confusion = 10 * np.eye(10, dtype=int)
    for image in range(round(error)):
        confusion[image % 10, image % 10] -= 1
        confusion[image % 10, (image + 1) % 10] += 1
    recalls = {f"test/recall_percent/{label}": 10.0 * int(confusion[label, label]) for label in range(10)}
    return SeedResult(
        identity=identity(seed, dataset),
        weights=f"{seed:064x}",
        metrics={"test/error_percent": error, "test/loss": 0.25, "test/calibration_error_percent": 1.5} | recalls,
        confusion=confusion.tolist(),
        history={
            "train/loss": [1.0, 0.5],
            "train/error_percent": [error, error / 2],
            "validation/loss": [1.25, 0.75],
            "validation/error_percent": [2 * error, error],
        },
    )


def variant_result(variant="tanh_sgd", errors=(10.0, 12.0), dataset="digits"):
    """Return a variant's results. For each test error in `errors`, the variant has one seed: 0, 1, …"""
    seeds = [seed_result(seed, error, dataset) for seed, error in enumerate(errors)]
    values = {name: [seed.history[name][-1] for seed in seeds] for name in seeds[0].history}
    values |= {name: [s.metrics[name] for s in seeds] for name in seeds[0].metrics if "recall" not in name}
    summary = {name: statistics.fmean(per_seed) for name, per_seed in values.items()}
    if len(seeds) > 1:
        summary |= {f"{name}_sd": statistics.stdev(per_seed) for name, per_seed in values.items()}
        misread_images = misread(errors)
        (error,) = compare({variant: misread_images.wrong(100)}, []).errors.values()
        if error.has_interval:
            summary |= dict(zip(TEST_ERROR_INTERVAL, (round(error.low, 6), round(error.high, 6)), strict=True))
    layers = [LayerShape("C1", maps=6, side=28, field=5, stride=1, parameters=156, connections=122_304)]
    return VariantResult(variant, 61_706, multiply_accumulates=416_520, layers=layers, summary=summary, seeds=seeds)


def without_validation(result):
    """Return a copy of a variant's results without validation metrics.

    A variant has such results if it is trained on the training split and on the validation split.
    """

    def drop_validation(metrics):
        return {name: value for name, value in metrics.items() if not name.startswith("validation/")}

    seeds = [replace(seed, history=drop_validation(seed.history)) for seed in result.seeds]
    return replace(result, summary=drop_validation(result.summary), seeds=seeds)


def study(errors, about=None, published=None, factorial=(), changes=None, dataset="digits", primary=(), sweeps=()):
    """Return a study of several variants.

    errors: {variant: test errors of its seeds, in whole percent}. All variants form the ladder, in the order of
    `errors`: the study compares each variant with the previous variant.
    published: {variant: the error in percent that others report}. The report shows the first variant in `published` as
    the network of 1998: this variant is `study.original`.
    changes: {variant: settings that differ from the base}.
    """
    variants = {name: settings(**(changes or {}).get(name, {})) for name in errors}
    reported = {name: {"error_percent": error, "source": "the paper"} for name, error in (published or {}).items()}
    comparison = {"primary": primary, "ladder": list(errors), "factorial": list(factorial), "published": reported}
    comparison |= {"sweeps": sweeps, "original": next(iter(reported), None)}
    committed_settings = load_settings(ROOT / "params.yaml").model_dump()
    replaced_settings = {"about": about or {}, "variants": variants, "comparison": comparison}
    return Study(
        settings=Settings.model_validate(committed_settings | replaced_settings),
        results={name: variant_result(name, per_seed, dataset) for name, per_seed in errors.items()},
        misread={name: misread(per_seed) for name, per_seed in errors.items()},
    )


def two_by_two(errors=FOUR, **options):
    """Return a study with a 2×2 design: `a` is the baseline, `b` has ReLU, `c` has Adam, `d` has both."""
    relu, adam = {"activation": "relu"}, {"optimizer": "adam"}
    return study(errors, factorial=errors, **{"changes": {"b": relu, "c": adam, "d": relu | adam}, **options})


def outputs(errors):
    """Return the predictions of each variant. errors: {variant: test errors of its seeds, in percent}."""
    return {name: predictions(len(per_seed), 100, np.round(per_seed).astype(int)) for name, per_seed in errors.items()}


def noise_test_split(n=100):
    """Return a test split of random images. The images are the same each time."""
    return Split(np.random.default_rng(1).integers(0, 256, (n, 28, 28), dtype=np.uint8), labels(n))


def misread(errors):
    """Return the test images that a variant misreads. errors: the test error of each seed, in whole percent."""
    (predicted,) = outputs({"": errors}).values()
    return find_misread(predicted.probabilities.argmax(axis=2), labels(100))


def save_evaluated(variant, errors):
    """Write the files that the stage evaluate writes for a variant with these test errors."""
    save_result(variant_result(variant, errors))
    save_misread(variant, misread(errors), range(len(errors)))
    save_predictions(variant, outputs({variant: errors})[variant])


def labels(n=100):
    """Return the labels of the test images: uint8 (n,)."""
    return np.arange(n, dtype=np.uint8) % 10


def predictions(seeds=2, n=100, wrong=10):
    """Return predictions for `n` images. The probability of the predicted class is 0.91.

    wrong: how many images are misread; one number for all seeds, or one number for each seed. The first `wrong` images
    are misread: their predicted class is the class after the label. The predicted class of the other images is the
    label. Feature maps and weights are random, but the same each time.
    """
    probabilities = np.full((seeds, n, 10), 0.01, np.float32)
    for seed_probabilities, count in zip(probabilities, np.broadcast_to(wrong, seeds), strict=True):
        predicted = labels(n)
        predicted[:count] = (predicted[:count] + 1) % 10
        seed_probabilities[np.arange(n), predicted] = 0.91
    noise = np.random.default_rng(0)
    shapes = {"filters": (5, 5, 6), "c1": (28, 28, 6), "s2": (14, 14, 6), "c3": (10, 10, 16)}
    arrays = {name: noise.normal(size=shape).astype(np.float32) for name, shape in shapes.items()}
    counts = {"c1": (150, 6), "c3": (2400, 16), "c5": (48_000, 120), "f6": (10_080, 84), "output": (840, 10)}
    names = [f"{layer} {name}" for layer in counts for name in ("kernel", "bias")]
    layout = [f"{name} {count}" for name, count in zip(names, itertools.chain(*counts.values()), strict=True)]
    arrays |= {"weights": noise.normal(size=61_706).astype(np.float32), "layout": np.array(layout)}
    arrays["scaling"] = np.array([1 / 78, -0.4])
    return Predictions(probabilities, digit=noise.integers(0, 256, (28, 28), dtype=np.uint8), **arrays)
