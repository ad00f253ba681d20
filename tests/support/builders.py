"""Tiny results to test with, in numbers that are easy to work by hand.

A variant's runs take two epochs and see 100 test digits, ten of each class, in the order 0, 1, … 9, 0, 1, …; of them
the first ones are taken for the next class, as many as the error in percent says. So `seed_result(error=7)` and
`predictions(1, 100, wrong=7)` tell of the same run.
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
# Test errors of a ladder whose first step makes no detectable difference, while the second does.
LADDER = {"tanh_sgd": [10.0, 12.0, 11.0], "relu_adam": [9.0, 12.0, 11.0], "modern": [3.0, 4.0, 5.0]}
# Test errors of a 2×2 whose changes are worth more together.
FOUR = {"a": [20.0, 21.0], "b": [19.0, 18.0], "c": [18.0, 19.0], "d": [1.0, 2.0]}
BASE = load_settings(ROOT / "params.yaml").base.model_dump()


def settings(**changed):
    """A variant's settings, as run.json holds them: the project's base, cut to two epochs."""
    return BASE | {"epochs": EPOCHS} | changed


def identity(seed=0, dataset="digits", **changed):
    return RunIdentity(
        seed=seed,
        settings=settings(**changed),
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
    """One run with that test error; its validation error is the same, its training error half as large."""
    confusion = 10 * np.eye(10, dtype=int)
    for digit in range(round(error)):
        confusion[digit % 10, digit % 10] -= 1
        confusion[digit % 10, (digit + 1) % 10] += 1
    recalls = {f"test/recall_percent/{digit}": 10.0 * int(confusion[digit, digit]) for digit in range(10)}
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
    """A variant with a seed, counted from 0, for each of the test errors."""
    seeds = [seed_result(seed, error, dataset) for seed, error in enumerate(errors)]
    values = {name: [seed.history[name][-1] for seed in seeds] for name in seeds[0].history}
    values |= {name: [s.metrics[name] for s in seeds] for name in seeds[0].metrics if "recall" not in name}
    summary = {name: statistics.fmean(of_seeds) for name, of_seeds in values.items()}
    if len(seeds) > 1:
        summary |= {f"{name}_sd": statistics.stdev(of_seeds) for name, of_seeds in values.items()}
        found = misread(errors)
        (error,) = compare({variant: found.wrong(100)}, []).errors.values()
        if error.is_known:
            summary |= dict(zip(TEST_ERROR_INTERVAL, (round(error.low, 6), round(error.high, 6)), strict=True))
    layers = [LayerShape("C1", maps=6, side=28, field=5, stride=1, parameters=156, connections=122_304)]
    return VariantResult(variant, 61_706, multiply_accumulates=416_520, layers=layers, summary=summary, seeds=seeds)


def without_validation(result):
    """The same variant, had it been trained on the validation split too."""

    def kept(metrics):
        return {name: value for name, value in metrics.items() if not name.startswith("validation/")}

    seeds = [replace(seed, history=kept(seed.history)) for seed in result.seeds]
    return replace(result, summary=kept(result.summary), seeds=seeds)


def study(errors, about=None, published=None, factorial=(), changes=None, dataset="digits", primary=(), sweeps=()):
    """A study of variants with a seed for each of their test errors, whole percents: {variant: errors}.

    The ladder is all of them in this order, the original is the first that is published; each variant is the base with
    what `changes` says: {variant: settings}.
    """
    variants = {name: settings(**(changes or {}).get(name, {})) for name in errors}
    reported = {name: {"error_percent": error, "source": "the paper"} for name, error in (published or {}).items()}
    compared = {"primary": primary, "ladder": list(errors), "factorial": list(factorial), "published": reported}
    compared |= {"sweeps": sweeps, "original": next(iter(reported), None)}
    committed = load_settings(ROOT / "params.yaml").model_dump()
    made = {"about": about or {}, "variants": variants, "comparison": compared}
    return Study(
        settings=Settings.model_validate(committed | made),
        results={name: variant_result(name, of_seeds, dataset) for name, of_seeds in errors.items()},
        misread={name: misread(each) for name, each in errors.items()},
    )


def two_by_two(errors=FOUR, **options):
    """A study of a 2×2: `a` is the base, `b` has ReLU, `c` has Adam, `d` has both."""
    relu, adam = {"activation": "relu"}, {"optimizer": "adam"}
    return study(errors, factorial=errors, **{"changes": {"b": relu, "c": adam, "d": relu | adam}, **options})


def outputs(errors):
    """The predictions of variants with a seed for each of their test errors: {variant: errors}."""
    return {name: predictions(len(of_seeds), 100, np.round(of_seeds).astype(int)) for name, of_seeds in errors.items()}


def digits_of_the_test(n=100):
    """Test digits of a fixed noise."""
    return Split(np.random.default_rng(1).integers(0, 256, (n, 28, 28), dtype=np.uint8), labels(n))


def misread(errors):
    """What a variant misreads with a seed for each of its test errors, whole percents of 100 digits."""
    (seen,) = outputs({"": errors}).values()
    return find_misread(seen.probabilities.argmax(axis=2), labels(100))


def save_evaluated(variant, errors):
    """Leave in the workspace what evaluate leaves of a variant with those test errors."""
    save_result(variant_result(variant, errors))
    save_misread(variant, misread(errors), range(len(errors)))
    save_predictions(variant, outputs({variant: errors})[variant])


def labels(n=100):
    """What the test digits show: uint8 (n,)."""
    return np.arange(n, dtype=np.uint8) % 10


def predictions(seeds=2, n=100, wrong=10):
    """Outputs that are 91 % sure of a class, the next one for the first `wrong` digits; maps of a fixed noise.

    wrong: a number for all seeds, or one for each.
    """
    probabilities = np.full((seeds, n, 10), 0.01, np.float32)
    for of_seed, count in zip(probabilities, np.broadcast_to(wrong, seeds), strict=True):
        predicted = labels(n)
        predicted[:count] = (predicted[:count] + 1) % 10
        of_seed[np.arange(n), predicted] = 0.91
    noise = np.random.default_rng(0)
    shapes = {"filters": (5, 5, 6), "c1": (28, 28, 6), "s2": (14, 14, 6), "c3": (10, 10, 16)}
    arrays = {name: noise.normal(size=shape).astype(np.float32) for name, shape in shapes.items()}
    counts = {"c1": (150, 6), "c3": (2400, 16), "c5": (48_000, 120), "f6": (10_080, 84), "output": (840, 10)}
    names = [f"{layer} {name}" for layer in counts for name in ("kernel", "bias")]
    layout = [f"{name} {count}" for name, count in zip(names, itertools.chain(*counts.values()), strict=True)]
    arrays |= {"weights": noise.normal(size=61_706).astype(np.float32), "layout": np.array(layout)}
    arrays["scaling"] = np.array([1 / 78, -0.4])
    return Predictions(probabilities, digit=noise.integers(0, 256, (28, 28), dtype=np.uint8), **arrays)
