"""Write the champion's model card in Markdown: what the model is, what it is meant for, its scores and its limits.

The champion is the run with the lowest validation error.
"""

import numpy as np

from lenet.evaluation.champion import ranked_runs, validation_error
from lenet.evaluation.metrics import CALIBRATION_BINS, CALIBRATION_ERROR, TEST_ERROR, TEST_LOSS, recall_percent
from lenet.evaluation.results import SeedResult, VariantResult
from lenet.evaluation.study import Study
from lenet.mnist import datasets
from lenet.report.wording import in_markdown
from lenet.workspace import MODEL_CARD, atomic_write


def interface(dataset: str) -> str:
    """Return a model's input and output in Markdown. dataset: the data set on which the model was trained."""
    classes = datasets.find(dataset).class_list
    named = f" The classes: {classes}." if classes else ""
    return f"""\
- **Input**: raw pixels, uint8 (n, 28, 28), 0 = background, 255 = ink, the object centred. The model scales them itself.
- **Output**: the probabilities of the classes 0 to 9, float32 (n, 10).{named}"""


def save_card(study: Study) -> None:
    """Write reports/model_card.md for the champion of the study's runs."""
    if candidates := ranked_runs(study.results.values()):
        result, seed = candidates[0]
        text = card(result, seed, study.settings.about.get(result.variant, ""))
    else:
        text = "No run has a validation error, so there is no champion."
    with atomic_write(MODEL_CARD) as partial:
        partial.write_text(f"# Model card of the champion\n\n{text}\n", encoding="utf-8")


def card(result: VariantResult, seed: SeedResult, about: str) -> str:
    """Return the model card of a run. The card says that the run was chosen by its validation error.

    result: the results of the run's variant. seed: the results of the run. about: the description of the variant.
    """
    data, counts = seed.identity.data, np.asarray(seed.confusion)
    return f"""\
`{result.variant}`, seed {seed.identity.seed}: {in_markdown(about) or "no description"}

It was chosen by its validation error. The test set was not used to choose it.

## Model

- A convolutional network of the family of LeNet-5: {result.parameters:,} trainable parameters,
  {result.multiply_accumulates:,} multiply–accumulates per image, trained for {seed.epochs} epochs.
{interface(data.dataset)}

## Data

Trained on {datasets.find(data.dataset).description}. A part of the training set ({data.validation_size:g}) was held
out for validation.

## Intended use

Teaching, and comparing ways of training on a small problem. It is not meant for cheques, forms or any decision about
people.

## Evaluation

| measure | value |
|---|---:|
| validation error | {validation_error(seed):.2f} % |
| test error ({result.test_size:,} images) | {seed.metrics[TEST_ERROR]:.2f} % |
| test cross-entropy | {seed.metrics[TEST_LOSS]:.4f} nats |
| test calibration error (expected, {CALIBRATION_BINS} bins) | {seed.metrics[CALIBRATION_ERROR]:.2f} points |

| class | test images | recall (%) |
|---:|---:|---:|
{_recall_rows(counts)}

## Limits

- It answers with one of ten classes even for a picture of something else.
- It expects images prepared like its training data, in size and place.
- Its probabilities were checked on this test set only. Elsewhere they can be too confident.
- If it was chosen among several runs, its validation error is somewhat optimistic."""


def _recall_rows(counts: np.ndarray) -> str:
    rows = enumerate(zip(counts.sum(axis=1), recall_percent(counts), strict=True))
    return "\n".join(f"| {label} | {total} | {recall:.2f} |" for label, (total, recall) in rows)
