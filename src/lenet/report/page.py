"""Write the report reports/index.html. It is one self-contained file that can be opened from disk or sent by e-mail."""

import re
from collections import defaultdict
from collections.abc import Mapping
from itertools import pairwise

import vl_convert
from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from lenet.evaluation.comparison import Estimate
from lenet.evaluation.study import Study
from lenet.mnist import datasets
from lenet.network.lenet_1998 import TABLE_I
from lenet.report import charts, finding, misread_images, other_dataset, pictures, sweep_results, wording
from lenet.report.changes import describe, describe_replaced
from lenet.report.examples import load_examples
from lenet.settings import Variant
from lenet.training import distortion
from lenet.training.trained_run import VALIDATION_ERROR
from lenet.workspace import PAGE, PICTURES, atomic_write


def save_page(study: Study) -> None:
    """Write reports/index.html with the pictures from reports/pictures/ embedded.

    Raises LabError if a picture is missing.
    """
    page = environment().get_template("index.html").render(facts(study))
    with atomic_write(PAGE) as partial:
        partial.write_text(page, encoding="utf-8")


def environment() -> Environment:
    """Return a Jinja environment with the report's templates and the functions that the templates call."""
    templates = Environment(
        loader=PackageLoader("lenet.report"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    templates.filters |= {"rounded": wording.rounded, "from_markdown": from_markdown}
    templates.globals |= {
        "VALIDATION_ERROR": VALIDATION_ERROR,
        "title_of": lambda name: datasets.find(name).title,
        "test_error": wording.test_error,
        "validation_error": wording.validation_error,
        "difference_from_baseline": wording.difference_from_baseline,
        "difference": wording.difference,
        "signed": wording.signed,
        "signed_with_interval": wording.signed_with_interval,
        "interval": interval,
        "published_error": wording.published_error,
        "data_url": pictures.data_url,
        "as_data_url": pictures.as_data_url,
        "picture_name": misread_images.picture_name,
        "breakable": breakable,
    }
    return templates


def from_markdown(sentence: str) -> Markup:
    """Return a sentence of `finding` as HTML. The addresses of its links are relative to the README.

    `finding` has escaped the texts from params.yaml and sweep.yaml. Only its own links become links.
    """
    linked = re.sub(r"\[(\w+)\]\((sweeps/[\w/.]+)\)", r'<a href="../\2">\1</a>', sentence)
    return Markup(re.sub(r"`([^`]+)`", r"<code>\1</code>", linked))


def breakable(variant: str) -> Markup:
    """Return a variant's name as HTML in which a browser may break the line after each underscore."""
    return Markup("_<wbr>").join(variant.split("_"))


def facts(study: Study) -> dict[str, object]:
    """Return the variables of the template index.html: name → value."""
    identity = study.results[study.baseline].seeds[0].identity
    correct, misread_by_index = load_examples(study)
    steps = [(variant, below) for below, variant in pairwise(study.ladder)]
    sweeps = sweep_results.load_sweep_results(study.settings)
    hard_writers = misread_images.hard_writers(study)
    curves = list(dict.fromkeys([study.original, *study.ladder, *(study.primary or ())]))
    losses = [variant for variant in curves if study.settings.variant(variant).output == "softmax"]
    found = finding.sentences(study)
    return {
        "contents": {
            **({"found": "What was found"} if found else {}),
            **({"ladder": "Change by change"} if steps else {}),
            "variants": "Every variant",
            **({"paper": "Published figures"} if study.published else {}),
            "curves": "Learning curves",
            "mistakes": "Mistakes",
            **({"writers": "Writers"} if hard_writers else {}),
            **({"sweeps": "Sweeps"} if sweeps else {}),
            "inside": "Inside the networks",
            "made": "Method",
        },
        "finding": found,
        "two_by_two": two_by_two(study),
        "step_beside_primary": step_beside_primary(study),
        "loss_against_error": finding.loss_against_error(study),
        "study": study,
        "dataset": datasets.find(study.dataset),
        "notes": [wording.note_on_errors(study), wording.note_on_differences(study)],
        "published_training": wording.published_training_errors(study),
        "steps": steps,
        "undetected_steps": [
            variant for variant, below in steps if study.comparison.differences[variant, below].is_undetected
        ],
        "charts": {
            **({"ladder": charts.ladder(study)} if steps else {}),
            "curves": charts.learning_curves(study, curves),
            **({"losses": charts.losses(study, losses)} if losses else {}),
            "confusion": charts.confusions(study, study.primary or study.featured),
        },
        "misread_by_kind": misread_images.images_by_kind(study),
        "correct_examples": correct,
        "misread_examples": misread_by_index,
        "errors_by_group": {variant: study.errors_by_group(variant) for variant in study.results},
        "hard_writers": hard_writers,
        "sweeps": sweeps,
        "other_dataset": other_dataset,
        "table_1": TABLE_I.astype(int).tolist(),
        "inside_pictures": {
            variant: inside_pictures(variant) for variant in dict.fromkeys([study.original, study.top])
        },
        # `make report` draws no picture, and a new variant has none yet.
        "distortion_pictures": {
            group: picture
            for group, picture in distortion_pictures(study).items()
            if (PICTURES / f"{picture}.png").is_file()
        },
        "identity": identity,
        "seeds": [seed.identity.seed for seed in study.results[study.baseline].seeds],
        "code_digests": sorted({seed.identity.code for result in study.results.values() for seed in result.seeds}),
        "chart_library": _chart_library(),
    }


def two_by_two(study: Study) -> dict[str, object]:
    """Return the titles and the variants of the 2×2 as a grid. Empty if the study has no 2×2.

    A row per state of the first change, a column per state of the second.
    """
    if not study.factorial:
        return {}
    neither, first, second, both = study.factorial
    first_change, second_change = study.changes(first, neither), study.changes(second, neither)
    return {
        "columns": [describe_replaced(second_change), describe(second_change)],
        "rows": [(describe_replaced(first_change), [neither, second]), (describe(first_change), [first, both])],
    }


def step_beside_primary(study: Study) -> str:
    """Return the variant above the primary variant in the ladder, if its step is not detectable.

    The page explains why the primary difference is detectable although this step is not. Return "" if the primary
    difference is not detectable, or the step is.
    """
    if not study.primary or not study.comparison.differences[study.primary].is_detectable:
        return ""
    for below, variant in pairwise(study.ladder):
        if variant == study.primary[0] and study.comparison.differences[variant, below].is_undetected:
            return below
    return ""


def _chart_library() -> Markup:
    javascript = vl_convert.javascript_bundle()  # type: ignore[call-arg]  # its type stub lacks the argument's default
    return Markup(javascript.replace("</script", "<\\/script"))  # so that no text in it closes the <script> element


def interval(estimate: Estimate) -> str:
    """Return an estimate's interval as text. The text is empty if the estimate has no interval."""
    low, high = (wording.rounded(end).replace("-", "−") for end in (estimate.low, estimate.high))
    return f"{low} to {high}" if estimate.has_interval else ""


def inside_pictures(variant: str) -> dict[str, str]:
    """Return the names of the pictures that show the inside of a variant's network: caption → name.

    The pictures show the network that was trained from the first seed.
    """
    suffixes = {"the image": "digit", "C1 filters": "filters", "C1": "c1", "S2": "s2", "C3": "c3"}
    return {caption: f"inside-{variant}-{suffix}" for caption, suffix in suffixes.items()}


def distortion_pictures(study: Study) -> dict[str, str]:
    """Return the names of the pictures that show distorted images: group of variants → name.

    All variants of a group have the same distortions. A group is a text: the names of its variants, one per line.
    """
    return {"\n".join(names): f"distorted-{names[0]}" for names in groups_of_equal_distortion(study.settings.variants)}


def groups_of_equal_distortion(variants: Mapping[str, Variant]) -> list[list[str]]:
    """Group the variants that distort training images. All variants of a group have the same distortion settings."""
    groups = defaultdict(list)
    for variant, settings in variants.items():
        if distortion.is_distorted(settings):
            groups[tuple(getattr(settings, name) for name in distortion.DISTORTION_SETTINGS)].append(variant)
    return list(groups.values())
