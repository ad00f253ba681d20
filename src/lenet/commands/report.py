"""`make report`: make tables, charts, page and README anew from the committed results; no data, no models, seconds.

Pictures that show digits or networks are taken as they are. It names results whose code has changed since.
"""

import sys

import matplotlib

from lenet import errors
from lenet.commands.lag import lagging_stages
from lenet.evaluation.study import load_study
from lenet.report import from_results, readme, terminal
from lenet.settings import load_settings
from lenet.workspace import PAGE


def main() -> None:
    matplotlib.rcdefaults()  # a user's own matplotlibrc would change the committed figures
    settings = load_settings()
    study = load_study(settings, list(settings.variants))
    from_results.save(study)
    readme.update_readme(readme.readme_block(study))
    terminal.announce(study, PAGE)
    if lagging := lagging_stages():
        changed = sorted({path for paths in lagging.values() for path in paths})
        print(
            f"note: the code of {len(lagging)} stages has changed since their results were made "
            f"({', '.join(changed)}): `make repro` brings them up to date",
            file=sys.stderr,
        )


if __name__ == "__main__":
    errors.run(main)
