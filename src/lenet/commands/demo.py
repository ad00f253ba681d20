"""`make demo`: the same pipeline on the bundled digits, as a DVC experiment in a temporary workspace.

The checkout stays as it is; what the experiment reports lands in .demo/, and its runs in MLflow.
"""

import io
import os
import shutil
import subprocess
import sys
import tarfile
from pathlib import Path

from lenet import errors
from lenet.commands import foreground
from lenet.commands.git import git
from lenet.errors import LabError
from lenet.mnist import datasets
from lenet.report import tables, terminal
from lenet.settings import Settings, load_settings
from lenet.tracking import outage
from lenet.workspace import COMPARISON, PAGE, PARAMS, REPORTS, project_root

DATASET = datasets.find("digits")  # it needs no network
EXPERIMENT = "demo"
FOLDER = Path(".demo")
# Two variants by gradient descent, whose comparison is the study's headline, and the network of the paper.
VARIANTS = ("tanh_sgd", "relu_adam", "lenet5_1998")


def demo_settings(study: Settings) -> list[str]:
    """Return what the demonstration changes in the study's settings, for DVC: few seeds, variants and comparisons."""
    settings = [f"data.dataset={DATASET.name}", "seeds=[0,1,2]"]
    settings += [f"~variants.{name}" for name in study.variants if name not in VARIANTS]
    settings += [f"~about.{name}" for name in study.about if name not in VARIANTS]
    compared = study.comparison
    primary = compared.primary if set(compared.primary) <= set(VARIANTS) else ()
    ladder = [name for name in compared.ladder if name in VARIANTS]
    settings += [f"comparison.primary=[{','.join(primary)}]", f"comparison.ladder=[{','.join(ladder)}]"]
    settings += ["comparison.factorial=[]", "comparison.sweeps=[]"]
    return settings + [f"~comparison.published.{name}" for name in compared.published if name not in VARIANTS]


def run_experiment() -> None:
    """Run the pipeline apart from the checkout, as the DVC experiment `demo`, in place of an earlier one."""
    for reference in _references():
        git("update-ref", "-d", reference)
    settings = demo_settings(load_settings())
    command = [*foreground.DVC, "exp", "run", "--temp", "--name", EXPERIMENT]
    command += [argument for setting in settings for argument in ("--set-param", setting)]
    # DVC commits the experiment, which must work also where git has no user name.
    nobody = {f"GIT_{role}_{what}": "lenet-lab" for role in ("AUTHOR", "COMMITTER") for what in ("NAME", "EMAIL")}
    if foreground.run(command, nobody | os.environ) != 0:
        raise LabError("the demo stopped: see the message above")


def extract(folder: Path) -> None:
    """Put the experiment's settings and reports into `folder`, in place of an earlier one's."""
    references = _references()
    if not references:
        raise LabError(f"DVC kept no experiment named {EXPERIMENT}: see its message above")
    shutil.rmtree(folder, ignore_errors=True)
    with tarfile.open(fileobj=io.BytesIO(git("archive", references[0], str(PARAMS), str(REPORTS)))) as archive:
        archive.extractall(folder, filter="data")


def _references() -> list[str]:
    listed = git("for-each-ref", "--format=%(refname)", "refs/exps").decode().split()
    return [name for name in listed if name.rsplit("/", 1)[-1] == EXPERIMENT]


@outage.remembered()
def main() -> None:
    run_experiment()
    extract(FOLDER)
    # The stages have published their results, unless DVC took them from its cache.
    if not outage.is_noted():
        environment = os.environ | {"DVC_ROOT": str(project_root()), "PYTHONPATH": str(project_root() / "src")}
        subprocess.run([sys.executable, "-m", "lenet.tracking.publish"], cwd=FOLDER, env=environment, check=False)
    terminal.announce(tables.load_comparison(FOLDER / COMPARISON), FOLDER / PAGE)


if __name__ == "__main__":
    errors.run(main)
