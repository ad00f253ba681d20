import subprocess
import sys

from lenet.commands import demo, repro
from lenet.mnist import datasets


def test_an_unknown_variant_is_refused_with_the_nearest_known_name_before_anything_runs(workspace):
    (workspace / ".git").mkdir()
    done = subprocess.run([sys.executable, "-m", "lenet.commands.repro", "relu_adm"], capture_output=True, text=True)
    assert done.returncode == 1
    assert done.stderr == "error: params.yaml: unknown variant relu_adm: did you mean relu_adam?\n"


def test_a_demo_that_replaces_the_study_names_both_data_sets_before_and_after(monkeypatch, capsys):
    monkeypatch.setattr(demo, "main", lambda: print("the demo"))
    repro.show_demo_instead_of(datasets.find("mnist"))
    before, after = capsys.readouterr().out.split("the demo")
    assert before.startswith("\n!!!!!")
    assert "MNIST could not be downloaded" in before
    assert "on scikit-learn's bundled digits" in before
    assert "on scikit-learn's bundled digits" in after
    assert "set MNIST_MIRROR, and run `make repro` again" in after
