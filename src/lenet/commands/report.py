"""`make report`: write tables, charts, page and README again from the committed results. Takes seconds.

The command reads neither data nor models. Therefore, it does not draw the pictures of images and networks again. If
the training code of a variant has changed since the variant's runs were trained, the command prints the variant's name.
"""

import sys

import matplotlib

from lenet import program
from lenet.commands import agreement, dvc
from lenet.evaluation.study import Study, load_study
from lenet.report import from_results, readme, terminal
from lenet.runs import code
from lenet.settings import Settings, load_settings


def outdated_variants(study: Study) -> list[str]:
    """Return each variant that has at least one run whose training code differs from today's code."""
    todays_code = {variant: code.code_digest(study.settings.variant(variant).optimizer) for variant in study.results}
    return [
        variant
        for variant, result in study.results.items()
        if any(seed_result.identity.code != todays_code[variant] for seed_result in result.seeds)
    ]


def rebuild(settings: Settings) -> Study:
    """Write tables, charts, page and README again from the results in the current folder; return these results."""
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
    terminal.print_summary(study, agreement.committed_errors(study))
    if outdated := outdated_variants(study):
        print(
            f"note: results of earlier training code: {', '.join(outdated)}: run `make repro` to bring them up to date",
            file=sys.stderr,
        )


if __name__ == "__main__":
    program.run(main)
