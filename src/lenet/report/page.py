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
from lenet.mnist.splits import Split
from lenet.report import charts, pictures, tables, wording
from lenet.settings import Variant
from lenet.training import distortion
from lenet.workspace import PAGE, written_whole

# How many digits of a kind, and how many epochs' distortions, are shown.
_DIGITS = 24
_EPOCHS = 9


@dataclass(frozen=True)
class MisreadDigit:
    """A test digit, what it is most often taken for, and how many networks of the old and of the new variant err."""

    picture: str
    index: int
    label: int
    taken_for: int
    old: int
    new: int


def save_page(study: Study, train: Split) -> None:
    """Write reports/index.html. Distorted digits are shown for digits of `train`."""
    environment = Environment(
        loader=PackageLoader("lenet.report"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.globals |= {"difference": wording.difference, "signed": wording.signed, "interval": interval}
    page = environment.get_template("index.html").render(facts(study, train))
    with written_whole(PAGE) as partial:
        partial.write_text(page, encoding="utf-8")


def facts(study: Study, train: Split) -> dict[str, object]:
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
        "misread": misread_digits(study, study.old, study.new),
        "insides": {variant: inside(study, variant) for variant in dict.fromkeys([study.old, study.new])},
        "distorted": distorted_digits(study, train),
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


def misread_digits(study: Study, old: str, new: str) -> dict[str, tuple[int, list[MisreadDigit]]]:
    """Return, by who misreads them, how many test digits there are, and those of them misread by most networks.

    A variant misreads a digit if at least half of its networks do.
    """
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
    label = int(study.test.labels[index])
    answers = study.predictions[variant].probabilities[:, index].argmax(axis=1)
    taken_for = int(np.bincount(answers[answers != label], minlength=10).argmax())
    picture = pictures.ink(study.test.images[index])
    return MisreadDigit(picture, int(index), label, taken_for, int(old[index]), int(new[index]))


def inside(study: Study, variant: str) -> Mapping[str, str]:
    """Return what is inside the first seed's network, as pictures: C1's filters, a digit's maps in C1, S2 and C3."""
    seen = study.predictions[variant]
    shown = {"the digit": pictures.ink(seen.digit)}
    for name, maps in {"C1 filters": seen.filters, "C1": seen.c1, "S2": seen.s2, "C3": seen.c3}.items():
        tiles = pictures.mosaic(np.moveaxis(maps, -1, 0), columns=-(-maps.shape[-1] // 2))
        shown[name] = pictures.signed(tiles)
    return shown


def distorted_digits(study: Study, train: Split) -> dict[str, str]:
    """Return, by the variants that distort alike, a picture of digits as they are and as they are trained on."""
    recipes = {variant: study.settings.variant(variant) for variant in study.results}
    return {
        names: pictures.ink(np.nan_to_num(pictures.mosaic(copies.reshape(-1, *copies.shape[2:]), 1 + _EPOCHS)))
        for names, copies in distorted_copies(recipes, train).items()
    }


def distorted_copies(variants: Mapping[str, Variant], train: Split) -> dict[str, np.ndarray]:
    """Return the first 2, 5 and 8 as they are, and as the variants that distort see them in seed 0's first epochs.

    The keys are the names of those that distort alike, a line each; the values uint8 (digits, 1 + epochs, 28, 28).
    """
    examples = np.unique(train.labels, return_index=True)[1][2::3]
    digits = train.images[examples]
    alike = defaultdict(list)
    for variant, settings in variants.items():
        if distortion.is_distorted(settings):
            alike[tuple(getattr(settings, name) for name in distortion.RANGES)].append(variant)
    copies = {}
    for names in alike.values():
        seen = [distortion.distort(digits, variants[names[0]], 0, epoch, examples) for epoch in range(_EPOCHS)]
        copies["\n".join(names)] = np.stack([digits, *seen], axis=1)
    return copies
