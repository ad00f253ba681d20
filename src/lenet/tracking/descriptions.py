"""What MLflow's pages say, in Markdown: of an experiment, a variant, a registered model and its versions."""

from collections.abc import Mapping
from typing import Any

from lenet.evaluation.metrics import METRICS, TEST_ERROR_INTERVAL
from lenet.mnist import datasets

_PAPERS = {
    "LeCun et al. 1998": "https://doi.org/10.1109/5.726791",
    "Simard et al. 2003": "https://doi.org/10.1109/ICDAR.2003.1227801",
    "Kingma and Ba 2015": "https://doi.org/10.48550/arXiv.1412.6980",
    "Hendrycks and Gimpel 2016": "https://doi.org/10.48550/arXiv.1606.08415",
    "Loshchilov and Hutter 2017": "https://doi.org/10.48550/arXiv.1608.03983",
    "Loshchilov and Hutter 2019": "https://doi.org/10.48550/arXiv.1711.05101",
}


def of_experiment(dataset: str) -> str:
    """Say what the experiment asks, and how to compare its runs."""
    return _linked(f"""\
What is LeNet-5 of 1998 (LeCun et al. 1998) worth against what we would train today, change by change?
The data set is {_named(dataset)}.

A run such as `relu_adam` is a **variant**. Its metrics are means over its seeds, after the last epoch. Under it is a
run for each **seed**, with learning curves, a confusion matrix, the most confident mistakes and the model.

**To compare two variants**, search for `tags.kind = 'variant'`, tick two runs, say `tanh_sgd` and `relu_adam`, and
press *Compare*. *Show diff only* hides the parameters that are equal.
**To see a learning curve**, open the run of a seed: *Model metrics* has its curves, *Artifacts* its mistakes.

{_metrics_table()}
""")


def of_sweep(about: str, dataset: str) -> str:
    """Say what the sweep asks, and how to read its runs."""
    return _linked(f"""\
{about}

The data set is {_named(dataset)}. A run is a recipe; under it is one for each seed and fold. Its metrics are means over
them, on validation digits; the test set has no part in a sweep.

**To see what the settings do**, search for `tags.kind = 'variant'`, tick all runs, press *Compare* and choose *Parallel
coordinates*.
""")


def of_variant(about: str, settings: Mapping[str, Any], seeds: int, baseline: str, its: Mapping[str, Any]) -> str:
    """Say what a variant is (`about`), over how many seeds its metrics are, and how it differs from the baseline.

    `its`: the settings of the variant called `baseline`.
    """
    # In few lines: MLflow folds up what is longer.
    changed = [f"`{name}` {its.get(name, '–')} → {value}" for name, value in settings.items() if its.get(name) != value]
    if changed:
        compared = f"Against `{baseline}`: {' · '.join(changed)}."
    else:
        compared = f"Its settings are those of `{baseline}`, which the other variants are compared with."
    runs = "one seed, in the run under this one" if seeds == 1 else f"{seeds} seeds, each a run under this one"
    means = f"The metrics are means over {runs}, after the last epoch."
    return "\n\n".join(part for part in (_linked(about), compared, means) if part)


def _metrics_table() -> str:
    rows = [(f"`{metric.name}`", metric.meaning) for metric in METRICS if metric.headline]
    ends = ", ".join(f"`{name}`" for name in TEST_ERROR_INTERVAL)
    rows.append((ends, "the 95 % interval of the mean test error, over seeds and test digits"))
    return "\n".join(["| metric | meaning |", "|---|---|", *(f"| {names} | {meaning} |" for names, meaning in rows)])


def of_model(dataset: str) -> str:
    """Say what the versions of the registered model are, and how to ask one."""
    return _linked(f"""\
LeNet-5 (LeCun et al. 1998) and its modern relatives: reads a handwritten digit. Trained on {_named(dataset)}.

- **champion**: of all variants and seeds, the run with the lowest validation error. The test set has no say.
- **baseline**: the best run of the variant that all others are compared with.

{_INTERFACE}
""")


def of_version(variant: str, about: str, seed: int, validation_error: float) -> str:
    """Say which run the version is, and how good it was when it was chosen."""
    return _linked(f"""\
`{variant}`, seed {seed}: {about or "no description"}

Validation error after the last epoch: **{validation_error:.2f} %**. The run that it comes from has all else.

{_INTERFACE}
""")


_INTERFACE = """\
**Input**: raw pixels, uint8 (n, 28, 28), 0 = background, 255 = ink, the digit centred. Scaling is part of the model.
**Output**: the probabilities of the classes 0 to 9, float32 (n, 10).
`make serve` answers on 127.0.0.1 for the champion."""


def _named(dataset: str) -> str:
    return datasets.find(dataset).description


def _linked(text: str) -> str:
    """Turn the papers that a text cites into links."""
    for paper, address in _PAPERS.items():
        text = text.replace(paper, f"[{paper}]({address})")
    return text
