import subprocess
import sys

import pytest


@pytest.mark.slow
def test_the_lock_names_every_package_that_another_one_needs():
    """The set-up resolves nothing, so that nobody would notice a missing package."""
    check = subprocess.run([sys.executable, "-m", "pip", "check"], capture_output=True, text=True)
    assert check.returncode == 0, check.stdout
