"""What MLflow's pages say, in Markdown: of an experiment, a variant, a registered model and its versions."""

import math
from collections.abc import Mapping
from typing import Any

from lenet.evaluation.metrics import METRICS, TEST_ERROR, TEST_ERROR_INTERVAL, TEST_LOSS
from lenet.evaluation.results import VariantResult
from lenet.mnist import datasets
from lenet.report.model_card import INTERFACE
from lenet.report.wording import in_markdown

_PAPERS = {
    "LeCun et al. 1998": "https://doi.org/10.1109/5.726791",
    "Simard et al. 2003": "https://doi.org/10.1109/ICDAR.2003.1227801",
    "Kingma and Ba 2015": "https://doi.org/10.48550/arXiv.1412.6980",
    "Hendrycks and Gimpel 2016": "https://doi.org/10.48550/arXiv.1606.08415",
    "Loshchilov and Hutter 2017": "https://doi.org/10.48550/arXiv.1608.03983",
    "Loshchilov and Hutter 2019": "https://doi.org/10.48550/arXiv.1711.05101",
    "Jordan et al. 2024": "https://kellerjordan.github.io/posts/muon/",
}


def of_experiment(dataset: str) -> str:
    """Say what the experiment asks, and how to compare its runs."""
    return _linked(f"""\
LeNet-5 of 1998 (LeCun et al. 1998) against what we would train today, change by change, on {_named(dataset)}.

A run such as `relu_adam` is a **variant**. Its metrics are means over its seeds after the last epoch. Each **seed** is
a nested run with learning curves, a confusion matrix, the most confident mistakes and the model.

**To compare two variants**, search for `tags.kind = 'variant'`, tick two runs, say `tanh_sgd` and `relu_adam`, and
press *Compare*. *Show diff only* hides equal parameters.
**To see learning curves**, open the run of a seed: *Model metrics* has its curves, *Artifacts* its mistakes.

{_metrics_table()}
""")


def of_sweep(about: str, dataset: str) -> str:
    """Say what the sweep asks, and how to read its runs."""
    return _linked(f"""\
{in_markdown(about)}

The data set is {_named(dataset)}. Each run is a recipe, with a nested run for each seed and fold. Its metrics are means
over them, on validation digits. A sweep does not use the test set.

**To see what the settings do**, search for `tags.kind = 'variant'`, tick all runs, press *Compare* and choose *Parallel
coordinates*.
""")


def of_variant(result: VariantResult, about: str, baseline: str, its: Mapping[str, Any]) -> str:
    """Say what a variant achieved, what it is (`about`), and how it differs from the baseline.

    `its`: the settings of the variant called `baseline`.
    """
    # In few lines: MLflow folds up what is longer.
    settings = result.seeds[0].identity.settings
    changed = [f"`{name}` {its.get(name, '–')} → {value}" for name, value in settings.items() if its.get(name) != value]
    if changed:
        compared = f"Changes from `{baseline}`: {' · '.join(changed)}."
    else:
        compared = f"It has the settings of `{baseline}`, the baseline that other variants are compared with."
    seeds = len(result.seeds)
    runs = "one seed, the nested run" if seeds == 1 else f"{seeds} seeds, the nested runs"
    means = f"The metrics are means over {runs}, after the last epoch."
    return "\n\n".join(part for part in (_achieved(result), _linked(in_markdown(about)), compared, means) if part)


def _achieved(result: VariantResult) -> str:
    error, *ends = (result.summary.get(name) for name in (TEST_ERROR, *TEST_ERROR_INTERVAL))
    if error is None or not math.isfinite(result.summary[TEST_LOSS]):  # of NaN the error is a number, the loss is not
        return "The training diverged."
    interval = f" (95 % interval {ends[0]:.2f} to {ends[1]:.2f} %)" if None not in ends else ""
    return f"Test error **{error:.2f} %**{interval}."


def _metrics_table() -> str:
    rows = [(f"`{metric.name}`", metric.meaning) for metric in METRICS if metric.headline]
    ends = ", ".join(f"`{name}`" for name in TEST_ERROR_INTERVAL)
    rows.append((ends, "the 95 % interval of the mean test error, over seeds and writers of test digits"))
    return "\n".join(["| metric | meaning |", "|---|---|", *(f"| {names} | {meaning} |" for names, meaning in rows)])


def of_model(dataset: str) -> str:
    """Say what the versions of the registered model are, and how to use one."""
    return _linked(f"""\
LeNet-5 (LeCun et al. 1998) and its modern relatives, which read handwritten digits. Trained on {_named(dataset)}.

- **champion**: the run with the lowest validation error. The test set is not used to choose it.
- **baseline**: the best run of the baseline variant, by validation error.

{INTERFACE}

`make serve` serves the champion on 127.0.0.1.
""")


def _named(dataset: str) -> str:
    return datasets.find(dataset).description


def _linked(text: str) -> str:
    """Turn the papers that a text cites into links."""
    for paper, address in _PAPERS.items():
        text = text.replace(paper, f"[{paper}]({address})")
    return text
