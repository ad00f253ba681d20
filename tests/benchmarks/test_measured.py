import subprocess
import sys

import pytest

from benchmarks.measured import Table, run


@pytest.fixture
def table(tmp_path):
    return Table(tmp_path / "times.csv", ("what", "round"), ("wall_s",))


def test_what_is_added_is_there_at_once_also_for_another_process(table, tmp_path):
    assert not table.has(what="fit", round=1)
    table.add({"what": "fit", "round": 1, "wall_s": 1.23456})
    assert table.has(what="fit", round=1)
    assert not table.has(what="fit", round=2)
    assert (tmp_path / "times.csv").read_text() == "what,round,wall_s\nfit,1,1.235\n"


def test_commands_run_side_by_side_and_what_each_prints_is_kept():
    commands = [[sys.executable, "-c", f"import time; time.sleep(0.5); print({number})"] for number in (1, 2)]
    cost = run(*commands)
    assert cost.printed == ["1\n", "2\n"]
    assert cost.wall_s >= 0.5
    assert 0 < cost.peak_mib < 60  # not that of this process


def test_a_command_that_fails_is_reported():
    with pytest.raises(subprocess.CalledProcessError):
        run([sys.executable, "-c", "raise SystemExit(3)"])
