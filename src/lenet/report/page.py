"""The report reports/index.html: one self-contained file, which opens from disk and from an e-mail."""

from collections import defaultdict
from collections.abc import Mapping
from itertools import pairwise

import vl_convert
from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from lenet.evaluation.comparison import Estimate
from lenet.evaluation.study import Study
from lenet.network.lenet_1998 import TABLE_I
from lenet.report import charts, columns, misread_images, pictures, sweep_results, wording
from lenet.report.examples import load_examples
from lenet.settings import Variant
from lenet.training import distortion
from lenet.workspace import PAGE, atomic_write


def save_page(study: Study) -> None:
    """Write reports/index.html, with the pictures in reports/pictures/; raise LabError where one is missing."""
    page = environment().get_template("index.html").render(facts(study))
    with atomic_write(PAGE) as partial:
        partial.write_text(page, encoding="utf-8")


def environment() -> Environment:
    """Return the templates, with the functions that they call."""
    made = Environment(
        loader=PackageLoader("lenet.report"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.globals |= {
        "difference": wording.difference,
        "signed": wording.signed,
        "signed_with_interval": wording.signed_with_interval,
        "interval": interval,
        "data_url": pictures.data_url,
        "as_url": pictures.as_url,
        "picture_of": misread_images.picture_of,
        "breakable": breakable,
    }
    return made


def breakable(variant: str) -> Markup:
    """Return a variant's name that a narrow page may break after each of its words."""
    return Markup("_<wbr>").join(variant.split("_"))


def facts(study: Study) -> dict[str, object]:
    """Return the values that the template shows, by the names that it uses."""
    first = study.results[study.base].seeds[0].identity
    rightly, by_index = load_examples(study)
    return {
        "study": study,
        "dataset": wording.dataset_title(study),
        "columns": columns.ON_PAGE,
        "notes": [wording.note_on_errors(study), wording.note_on_differences(study)],
        "steps": [(variant, below) for below, variant in pairwise(study.ladder)],
        "charts": {
            "ladder": charts.specification(charts.ladder(study)),
            "curves": charts.specification(charts.learning_curves(study)),
            "confusion": charts.specification(charts.confusions(study, study.featured)),
        },
        "misread": misread_images.misread_by(study),
        "read_rightly": rightly,
        "examples": by_index,
        "by_group": {variant: study.by_group(variant) for variant in study.results},
        "hard_writers": misread_images.hard_writers(study),
        "sweeps": sweep_results.load_sweep_results(study.settings, study.dataset),
        "table_1": TABLE_I.astype(int).tolist(),
        "insides": {variant: insides(variant) for variant in dict.fromkeys([study.original, study.top])},
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
