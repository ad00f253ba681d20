import os
import shutil
import subprocess
import sys

import pytest
from support.paths import ROOT

AT_HAND = shutil.which("qemu-aarch64") and (ROOT / ".arm64" / "ready").is_file()


@pytest.mark.slow
@pytest.mark.skipif(
    not AT_HAND and "CI" not in os.environ, reason="needs qemu-user and what `scripts/arm64.py setup` downloads"
)
def test_arm64_distorts_digits_to_the_same_bits():
    command = [sys.executable, str(ROOT / "scripts" / "arm64.py"), "distortion"]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
