"""Compare the training time of this project with that of Keras and PyTorch."""

import sys
from pathlib import Path

sys.path.append(str(Path(__file__).parents[1] / "tests"))  # for tests/support, which edits params.yaml
