"""What people see in MLflow: descriptions in Markdown, the columns of the list of variants, paths of pages."""

import colorsys
import hashlib
import json
import math
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from urllib.parse import urlencode

from lenet.evaluation.metrics import METRICS, TEST_ERROR, TEST_ERROR_INTERVAL, TEST_LOSS
from lenet.evaluation.results import VariantResult
from lenet.mnist import datasets
from lenet.report.model_card import interface
from lenet.report.wording import in_markdown
from lenet.training.trained_run import VALIDATION_ERROR, VALIDATION_LOSS

PREFIX = "lenet5-"
TEST_ACCURACY, VALIDATION_ACCURACY = "test/accuracy", "validation/accuracy"
INTERVAL_TAG = "interval"
# MLflow's own tags for a description and for the colour of an MLflow run's curves.
NOTE_TAG, _COLOUR_TAG = "mlflow.note.content", "mlflow.runColor"
# This tag holds the digest of the description that this project wrote last. If the current description has another
# digest, a person has written it.
WRITTEN_TAG = "written_description"

# The key of a saved view: it says which MLflow runs a list shows, in what order and with what columns. The format is
# that of MLflow 3.17's "Share" button. A version of MLflow that cannot read it opens the default view instead.
_VIEW = "variants"
# The first columns of each list: column → width in pixels.
_FIRST_COLUMNS = {"attributes.`Run Name`": 180, "runDateAndNestInfo": 120}
# Makes MLflow show its menu for model training beside a page, not the one for language models.
_WORKFLOW = {"workflowType": "machine_learning"}
_PAPERS = {
    "LeCun et al. 1998": "https://doi.org/10.1109/5.726791",
    "Simard et al. 2003": "https://doi.org/10.1109/ICDAR.2003.1227801",
    "Kingma and Ba 2015": "https://doi.org/10.48550/arXiv.1412.6980",
    "Hendrycks and Gimpel 2016": "https://doi.org/10.48550/arXiv.1606.08415",
    "Loshchilov and Hutter 2017": "https://doi.org/10.48550/arXiv.1608.03983",
    "Loshchilov and Hutter 2019": "https://doi.org/10.48550/arXiv.1711.05101",
    "Jordan et al. 2024": "https://kellerjordan.github.io/posts/muon/",
}


@dataclass(frozen=True)
class Experiment:
    """An MLflow experiment. MLflow shows the experiment's variants in a list.

    columns: the columns of this list, column → width in pixels. The list is sorted by the first column.
    """

    name: str
    description: str
    columns: Mapping[str, int]


def study_experiment(dataset: str) -> Experiment:
    """Return the experiment that contains the variants of params.yaml, trained on a data set."""
    data = datasets.find(dataset).description
    return Experiment(
        PREFIX + dataset,
        _link_papers(f"""\
LeNet-5 of 1998 (LeCun et al. 1998) against what we would train today, change by change, on {data}.

A run such as `relu_adam` is a **variant**. Its metrics are means over its seeds: learning curves, and numbers after the
last epoch. Each **seed** is a nested run with its own curves, a confusion matrix, its most confident mistakes and its
model.

**To compare two variants**, search for `tags.kind = 'variant'`, tick two runs, say `tanh_sgd` and `relu_adam`, and
press *Compare*. *Show diff only* hides equal parameters.

{_metrics_table()}
"""),
        {
            f"metrics.`{TEST_ERROR}`": 130,
            f"tags.`{INTERVAL_TAG}`": 100,
            "metrics.`seeds`": 60,
            "params.`activation`": 85,
            "params.`optimizer`": 80,
            "params.`learning_rate`": 95,
            "params.`pooling`": 80,
            "params.`epochs`": 60,
        },
    )


def sweep_experiment(name: str, about: str, dataset: str, settings: Sequence[str]) -> Experiment:
    """Return the experiment of a sweep. settings: the names of the settings that the sweep varies."""
    data = datasets.find(dataset).description
    return Experiment(
        f"{PREFIX}{dataset}-sweep-{name}",
        _link_papers(f"""\
{in_markdown(about)}

The data set is {data}. Each run is a recipe, with a nested run for each seed and fold. Its metrics are means
over them, on validation images. A sweep does not use the test set.

**To see what the settings do**, search for `tags.kind = 'variant'`, tick all runs, press *Compare* and choose *Parallel
coordinates*.
"""),
        dict.fromkeys([f"metrics.`{name}`" for name in (VALIDATION_LOSS, VALIDATION_ERROR)], 150)
        | dict.fromkeys([f"params.`{name}`" for name in settings], 110),
    )


def experiment_tags(experiment: Experiment) -> dict[str, str]:
    """Return the tags of an experiment. Its description needs further tags, see `description_tags`."""
    columns = list(experiment.columns)
    view = {
        "searchFilter": "tags.kind = 'variant'",
        "orderByKey": columns[0],
        "orderByAsc": True,
        "startTime": "ALL",
        "lifecycleFilter": "Active",
        "modelVersionFilter": "All Runs",
        "datasetsFilter": [],
        "selectedColumns": columns,
        "columnOrder": [*_FIRST_COLUMNS, *columns],
        "columnWidths": {**_FIRST_COLUMNS, **experiment.columns},
    }
    return {
        "mlflow.experimentKind": "custom_model_development",  # else MLflow's pages are those for language models
        f"mlflow.sharedViewState.{_VIEW}": json.dumps(view),
    }


def variant_list_path(experiment_id: str) -> str:
    """Return the path of the page that lists an experiment's variants."""
    return f"/#/experiments/{experiment_id}/runs?{urlencode({**_WORKFLOW, 'viewStateShareKey': _VIEW})}"


def comparison_path(experiment_id: str, run_ids: Sequence[str]) -> str:
    """Return the path of the page that draws the curves of several MLflow runs into the same charts."""
    ids = ", ".join(f"'{run_id}'" for run_id in run_ids)
    query = {"searchFilter": f"attributes.run_id IN ({ids})", "compareRunsMode": "CHART"}
    return f"/#/experiments/{experiment_id}/runs?{urlencode({**_WORKFLOW, **query})}"


def colour_tag(variant: str) -> dict[str, str]:
    """Return the tag that gives a variant's curves one of eight hues. Without it, many curves have the same colour."""
    hue = zlib.crc32(variant.encode()) * 3 % 8 / 8  # without × 3, tanh_sgd and modern have neighbouring hues
    red, green, blue = (round(255 * channel) for channel in colorsys.hls_to_rgb(hue, 0.45, 0.7))
    return {_COLOUR_TAG: f"#{red:02X}{green:02X}{blue:02X}"}


def describe_variant(result: VariantResult, about: str, baseline: str, baseline_settings: Mapping[str, object]) -> str:
    """Return a variant's description: the test error, the text `about`, and the settings that differ from the baseline.

    baseline: the name of the variant that other variants are compared with.
    """
    # The description has few lines, because MLflow collapses a longer one.
    settings = result.seeds[0].identity.settings
    changed = [
        f"`{name}` {baseline_settings.get(name, '–')} → {value}"
        for name, value in settings.items()
        if baseline_settings.get(name) != value
    ]
    if changed:
        difference = f"Changes from `{baseline}`: {' · '.join(changed)}."
    else:
        difference = f"It has the settings of `{baseline}`, the baseline that other variants are compared with."
    seeds = len(result.seeds)
    runs = "one seed, the nested run" if seeds == 1 else f"{seeds} seeds, the nested runs"
    means = f"The metrics are means over {runs}."
    return "\n\n".join(
        part for part in (_test_error(result), _link_papers(in_markdown(about)), difference, means) if part
    )


def describe_model(dataset: str) -> str:
    """Return the description of the registered model: what its aliases mean and how to use a version."""
    data = datasets.find(dataset).description
    return _link_papers(f"""\
LeNet-5 (LeCun et al. 1998) and its modern relatives, which classify images of 28 × 28 pixels. Trained on {data}.

- **champion**: the run with the lowest validation error. The test set is not used to choose it.
- **baseline**: the best run of the baseline variant, by validation error.

{interface(dataset)}

`make serve` serves the champion on 127.0.0.1.
""")


def description_tags(description: str) -> dict[str, str]:
    """Return the tags that set a description and mark it as written by this project."""
    return {NOTE_TAG: description, WRITTEN_TAG: description_digest(description)}


def description_digest(description: str) -> str:
    """Return the digest by which this project later recognizes a description that it wrote."""
    return hashlib.sha256(description.encode()).hexdigest()[:16]


def should_replace(description: str, current: str | None, tags: Mapping[str, str]) -> bool:
    """Return whether to replace the text `current` by the text `description`.

    Return False if the texts are equal, or if `tags` show that a person wrote or removed the current text.
    """
    written_digest = tags.get(WRITTEN_TAG)
    is_ours = description_digest(current or "") == written_digest if written_digest else not current
    return is_ours and description != current


def _test_error(result: VariantResult) -> str:
    """Return a sentence that states the test error and its 95 % interval, or that the training diverged."""
    error, *bounds = (result.summary.get(name) for name in (TEST_ERROR, *TEST_ERROR_INTERVAL))
    if error is None or not math.isfinite(result.summary[TEST_LOSS]):  # the error alone is finite after divergence
        return "The training diverged."
    interval = f" (95 % interval {bounds[0]:.2f} to {bounds[1]:.2f} %)" if None not in bounds else ""
    return f"Test error **{error:.2f} %**{interval}."


def _metrics_table() -> str:
    rows = [(f"`{metric.name}`", metric.meaning) for metric in METRICS]
    accuracies = f"`{TEST_ACCURACY}`, `{VALIDATION_ACCURACY}`"
    rows.append((accuracies, "the share of images read rightly, as a fraction from 0 to 1"))
    bounds = ", ".join(f"`{name}`" for name in TEST_ERROR_INTERVAL)
    rows.append((bounds, "the 95 % interval of the mean test error, over seeds and test images"))
    return "\n".join(["| metric | meaning |", "|---|---|", *(f"| {names} | {meaning} |" for names, meaning in rows)])


def _link_papers(text: str) -> str:
    """Replace each citation of a paper in a text by a link to it."""
    for paper, address in _PAPERS.items():
        text = text.replace(paper, f"[{paper}]({address})")
    return text
