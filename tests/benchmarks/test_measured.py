import subprocess
import sys

import pytest

from benchmarks import measured
from benchmarks.measured import run

KEYS = {"machine": "a processor", "digits": 54_000, "runs": 4, "epochs": 20, "contender": "keras_fit", "round": 1}


def test_an_added_time_is_written_to_disk_at_once_and_found_again(tmp_path):
    table = tmp_path / "times.csv"
    assert not measured.has(KEYS, table)
    measured.add({**KEYS, "wall_s": 1.23456}, table)
    assert table.read_text().splitlines()[1:] == ["a processor,54000,4,20,keras_fit,1,1.235,,"]
    assert measured.has(KEYS, table)
    assert not measured.has({**KEYS, "round": 2}, table)


def test_commands_run_side_by_side_and_the_output_of_each_is_kept():
    commands = [[sys.executable, "-c", f"import time; time.sleep(0.5); print({number})"] for number in (1, 2)]
    timed = run(*commands)
    assert timed.printed == ["1\n", "2\n"]
    assert timed.wall_s >= 0.5


def test_a_failing_command_raises_an_error():
    with pytest.raises(subprocess.CalledProcessError):
        run([sys.executable, "-c", "raise SystemExit(3)"])
