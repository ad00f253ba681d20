import subprocess
import sys


def test_who_reads_histories_imports_no_tensorflow():
    program = "import sys, lenet.training.trained_run; print({'tensorflow', 'keras'} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout == "set()\n"
