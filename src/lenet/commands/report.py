"""`make report`: make tables, charts, page and README anew from the committed results; no data, no models, seconds.

Pictures that show digits or networks are taken as they are. It names the variants whose training has other code now.
"""

import sys

import matplotlib

from lenet import program
from lenet.commands import dvc
from lenet.evaluation.study import Study, load_study
from lenet.report import from_results, readme, terminal
from lenet.runs import code
from lenet.settings import Settings, load_settings
from lenet.workspace import PAGE


def of_other_code(study: Study) -> list[str]:
    """Return the variants that have a run trained by other code than today's."""
    today = {variant: code.digest_of_run(study.settings.variant(variant).optimizer) for variant in study.results}
    return [
        variant
        for variant, result in study.results.items()
        if any(seed.identity.code != today[variant] for seed in result.seeds)
    ]


def rebuild(settings: Settings) -> Study:
    """Make tables, charts, page and README anew from the results in the current folder; return these."""
    matplotlib.rcdefaults()  # a user's own matplotlibrc would change the committed figures
    study = load_study(settings, list(settings.variants))
    from_results.save_figures(study)
    from_results.save(study)
    readme.update_readme(readme.readme_block(study))
    return study


def main() -> None:
    settings = load_settings()
    dvc.refuse_conflicts()
    study = rebuild(settings)
    terminal.announce(study, PAGE)
    if lagging := of_other_code(study):
        print(
            f"note: the code that trains has changed since these results were made: {', '.join(lagging)}: "
            "`make repro` brings them up to date",
            file=sys.stderr,
        )


if __name__ == "__main__":
    program.run(main)
