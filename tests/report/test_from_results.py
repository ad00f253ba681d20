"""The report fails with a hint if the files that `from_data` saves are missing.

Other tests of this code: tests/test_plot.py checks which files are written, and tests/commands/test_report.py checks
that no data are needed.
"""

from pathlib import Path

import pytest
from support.builders import LADDER, study

from lenet.errors import LabError
from lenet.report import from_results


def test_no_page_is_written_if_the_files_of_from_data_are_missing():
    with pytest.raises(LabError, match=r"^reports/.* cannot be read: run `make repro`$"):
        from_results.save(study(LADDER))
    assert not Path("reports/index.html").exists()
