import subprocess

import pytest

from lenet.commands import demo
from lenet.errors import LabError
from lenet.settings import load_settings


def git(*arguments):
    identity = ("-c", "user.name=A Researcher", "-c", "user.email=researcher@example.org")
    subprocess.run(["git", *identity, *arguments], check=True, capture_output=True)


@pytest.fixture
def repository(workspace):
    """A repository with an experiment named `demo`, as DVC keeps it: a commit under refs/exps/."""
    (workspace / "reports").mkdir()
    (workspace / "reports/comparison.csv").write_text("variant\n")
    git("init", "--quiet")
    git("add", "--all")
    git("commit", "--quiet", "--message", "the experiment")
    git("update-ref", "refs/exps/ab/cdef/demo", "HEAD")
    git("update-ref", "refs/exps/ab/cdef/other", "HEAD")
    return workspace


def test_the_experiments_reports_are_put_beside_the_checkout_in_place_of_earlier_ones(repository):
    (repository / ".demo").mkdir()
    (repository / ".demo/earlier").touch()
    demo.extract(demo.FOLDER)
    left = sorted(str(path.relative_to(repository / ".demo")) for path in (repository / ".demo").rglob("*"))
    assert left == ["params.yaml", "reports", "reports/comparison.csv"]


def test_without_an_experiment_the_demo_says_so(repository):
    git("update-ref", "-d", "refs/exps/ab/cdef/demo")
    with pytest.raises(LabError, match="DVC kept no experiment named demo"):
        demo.extract(demo.FOLDER)


def test_outside_a_repository_the_demo_says_so_in_one_line(workspace):
    with pytest.raises(LabError, match=r"^git for-each-ref failed: .*not a git repository") as refusal:
        demo.run_experiment()
    assert "\n" not in str(refusal.value)


@pytest.mark.parametrize(
    ("primary", "kept"), [(("relu_adam", "tanh_sgd"), "relu_adam,tanh_sgd"), (("modern", "tanh_sgd"), "")]
)
def test_the_demonstration_compares_only_variants_that_it_has(workspace, primary, kept):
    study = load_settings()
    study = study.model_copy(update={"comparison": study.comparison.model_copy(update={"primary": primary})})
    changed = demo.demo_settings(study)
    assert f"comparison.primary=[{kept}]" in changed
    assert "comparison.ladder=[tanh_sgd,relu_adam]" in changed
    assert "~variants.modern" in changed
    assert not [name for name in changed if name.startswith("~variants.") and name.partition(".")[2] in demo.VARIANTS]
