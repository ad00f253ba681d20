"""Which files it writes: tests/test_plot.py; that it needs no data: tests/commands/test_report.py."""

from pathlib import Path

import pytest
from support.builders import LADDER, study

from lenet.errors import LabError
from lenet.report import from_results


def test_without_what_needs_the_data_the_page_is_refused_and_not_written():
    with pytest.raises(LabError, match=r"^reports/.* cannot be read: run `dvc repro --force plot`$"):
        from_results.save(study(LADDER))
    assert not Path("reports/index.html").exists()
