import subprocess
import sys


def test_the_lock_names_every_package_that_another_one_needs():
    """The set-up installs the lock as it stands and resolves nothing, so a missing package would be noticed by nobody."""
    check = subprocess.run([sys.executable, "-m", "pip", "check"], capture_output=True, text=True)
    assert check.returncode == 0, check.stdout
