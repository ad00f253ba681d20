"""The report reports/index.html: one self-contained file, which opens from disk and from an e-mail."""

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import vl_convert
from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from lenet.evaluation.comparison import Estimate
from lenet.evaluation.study import Study
from lenet.report import charts, pictures, tables, wording
from lenet.settings import Variant
from lenet.training import distortion
from lenet.workspace import PAGE, written_whole

# How many digits of a kind are shown.
_DIGITS = 24


@dataclass(frozen=True)
class MisreadDigit:
    """A test digit, what it is most often taken for, and how many networks of the old and of the new variant err.

    picture: its name in reports/pictures/.
    """

    picture: str
    index: int
    label: int
    taken_for: int
    old: int
    new: int


def save_page(study: Study) -> None:
    """Write reports/index.html, with the pictures in reports/pictures/; raise LabError where one is missing."""
    environment = Environment(
        loader=PackageLoader("lenet.report"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.globals |= {"difference": wording.difference, "signed": wording.signed, "interval": interval}
    environment.globals["data_url"] = pictures.data_url
    page = environment.get_template("index.html").render(facts(study))
    with written_whole(PAGE) as partial:
        partial.write_text(page, encoding="utf-8")


def facts(study: Study) -> dict[str, object]:
    """Return the values that the template shows, by the names that it uses."""
    compared = list(dict.fromkeys([study.old, study.base, study.new]))
    rows = tables.comparison_rows(study)
    first = study.results[study.base].seeds[0].identity
    return {
        "study": study,
        "dataset": wording.dataset_title(rows),
        "rows": rows,
        "notes": [wording.note_on_errors(rows), wording.note_on_differences(rows)],
        "mean_with_sd": wording.mean_with_sd,
        "mean_with_interval": wording.mean_with_interval,
        "steps": [(variant, below) for below, variant in pairwise(study.ladder)],
        "charts": {
            "ladder": Markup(charts.specification(charts.ladder(study))),
            "curves": Markup(charts.specification(charts.learning_curves(study))),
            "confusion": Markup(charts.specification(charts.confusions(study, compared))),
        },
        "misread": misread_digits(study),
        "insides": {variant: insides(variant) for variant in dict.fromkeys([study.old, study.new])},
        "distorted": distorted(study),
        "identity": first,
        "seeds": [seed.identity.seed for seed in study.results[study.base].seeds],
        "codes": sorted({seed.identity.code for each in study.results.values() for seed in each.seeds}),
        # Escaped, so that nothing in it ends its <script> element.
        "library": Markup(_vega().replace("</script", "<\\/script")),
    }


def _vega() -> str:
    """Return the JavaScript that draws the charts."""
    return vl_convert.javascript_bundle()  # type: ignore[call-arg]  # its types leave a default out


def interval(estimate: Estimate) -> str:
    """Return an estimate's interval as text; empty if it has none."""
    return f"{estimate.low:.2f} to {estimate.high:.2f}".replace("-", "−") if estimate.is_known else ""


def misread_digits(study: Study) -> dict[str, tuple[int, list[MisreadDigit]]]:
    """Return, by who misreads them, how many test digits there are, and those of them misread by most networks.

    A variant misreads a digit if at least half of its networks do.
    """
    old, new = study.old, study.new
    counts = {variant: study.wrong[variant].sum(axis=0) for variant in (old, new)}
    misread = {variant: 2 * count >= len(study.wrong[variant]) for variant, count in counts.items()}
    kinds = {
        f"Only {old} misreads": (misread[old] & ~misread[new], old),
        f"Only {new} misreads": (misread[new] & ~misread[old], new),
        "Both misread": (misread[old] & misread[new], old),
    }
    total = counts[old] + counts[new]
    shown = {}
    for kind, (of_kind, asked) in kinds.items():
        indices = np.flatnonzero(of_kind)
        worst = indices[np.argsort(-total[indices], kind="stable")][:_DIGITS]
        shown[kind] = (len(indices), [_misread(study, index, asked, counts[old], counts[new]) for index in worst])
    return shown


def _misread(study: Study, index: int, variant: str, old: np.ndarray, new: np.ndarray) -> MisreadDigit:
    misread = study.misread[variant]
    (place,) = np.flatnonzero(misread.indices == index)
    label, answers = int(misread.labels[place]), misread.answers[:, place]
    taken_for = int(np.bincount(answers[answers != label], minlength=10).argmax())
    return MisreadDigit(f"digit-{index}", int(index), label, taken_for, int(old[index]), int(new[index]))


def insides(variant: str) -> dict[str, str]:
    """Return the names of the pictures of what is inside a variant's first network, by what they show."""
    shown = {"the digit": "digit", "C1 filters": "filters", "C1": "c1", "S2": "s2", "C3": "c3"}
    return {title: f"inside-{variant}-{name}" for title, name in shown.items()}


def distorted(study: Study) -> dict[str, str]:
    """Return the names of the pictures of distorted digits, by the variants that distort alike, a line each."""
    return {"\n".join(names): f"distorted-{names[0]}" for names in distorting_alike(study.settings.variants)}


def distorting_alike(variants: Mapping[str, Variant]) -> list[list[str]]:
    """Return the names of the variants that distort digits, those together that do it alike."""
    alike = defaultdict(list)
    for variant, settings in variants.items():
        if distortion.is_distorted(settings):
            alike[tuple(getattr(settings, name) for name in distortion.RANGES)].append(variant)
    return list(alike.values())
