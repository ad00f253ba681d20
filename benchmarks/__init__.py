"""What the project costs: its training beside Keras's and PyTorch's, and how each step grows with its work."""

import sys
from pathlib import Path

sys.path.append(str(Path(__file__).parents[1] / "tests"))  # whose `support` edits settings and makes up results
