import subprocess
import sys


def test_importing_trained_run_does_not_import_tensorflow():
    program = "import sys, lenet.training.trained_run; print({'tensorflow', 'keras'} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout == "set()\n"
