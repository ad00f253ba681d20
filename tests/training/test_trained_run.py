import subprocess
import sys

from lenet.training.trained_run import EPOCH_METRICS, TRAIN_METRICS


def test_a_run_without_a_validation_split_has_the_first_of_all_metrics():
    assert EPOCH_METRICS[: len(TRAIN_METRICS)] == TRAIN_METRICS


def test_who_reads_histories_imports_no_tensorflow():
    program = "import sys, lenet.training.trained_run; print({'tensorflow', 'keras'} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout == "set()\n"
