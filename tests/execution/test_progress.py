"""Progress is shown as bars on a terminal, and as a few plain lines elsewhere."""

import io
import re
import sys
from contextlib import contextmanager
from types import SimpleNamespace

import pytest

from lenet.execution import progress


def epoch_metrics(validation_error):
    """Return the metrics of an epoch."""
    return {"train/error_percent": 75.0, "validation/error_percent": validation_error}


@pytest.fixture
def clock(monkeypatch):
    """A clock that stands still until the test sets it."""
    clock = SimpleNamespace(now=0.0)
    monkeypatch.setattr(progress, "time", SimpleNamespace(monotonic=lambda: clock.now))
    return clock


@pytest.fixture
def read_lines(capsys):
    """A function that returns the lines on standard error and checks that standard output is empty."""

    def read():
        captured = capsys.readouterr()
        assert captured.out == ""
        return captured.err.splitlines()

    return read


def run(name="tanh_sgd seed 0", epochs=2):
    return SimpleNamespace(name=name, epochs=epochs)


def test_the_start_the_last_epoch_and_the_end_of_a_run_are_always_shown(clock, read_lines):
    with progress.open_display([2, 2]) as display:
        display.epoch(run(), 0, {})
        display.epoch(run(), 2, epoch_metrics(1.25))
        display.finished(run())
    assert read_lines() == [
        "tanh_sgd seed 0: epoch 0/2",
        "tanh_sgd seed 0: epoch 2/2 validation error 1.25 %",
        "tanh_sgd seed 0: 1 of 2 runs finished",
    ]


def test_without_validation_error_the_training_error_is_shown(clock, read_lines):
    with progress.open_display([1]) as display:
        display.epoch(run("lenet5_1998 seed 0", epochs=1), 1, {"train/error_percent": 1.25})
    assert read_lines() == ["lenet5_1998 seed 0: epoch 1/1 training error 1.25 %"]


def test_at_most_one_epoch_per_interval_is_shown_for_all_runs_together(clock, read_lines):
    with progress.open_display([9] * 20) as display:
        display.epoch(run(epochs=9), 0, {})
        for clock.now, seed, epoch in ((5, 0, 1), (14.9, 1, 2), (15, 1, 3), (29, 0, 4), (30, 0, 5)):
            display.epoch(run(f"tanh_sgd seed {seed}", epochs=9), epoch, epoch_metrics(50.0))
    assert [line.split(" validation")[0] for line in read_lines()] == [
        "tanh_sgd seed 0: epoch 0/9",
        "tanh_sgd seed 1: epoch 3/9",
        "tanh_sgd seed 0: epoch 5/9",
    ]


class Terminal(io.StringIO):
    """A text stream that claims to be a terminal. A test can read what was written to it."""

    def isatty(self):
        return True


@contextmanager
def on_a_terminal():
    """Replace standard error by a terminal of 100 columns during the `with` block. Yield the terminal."""
    # Not a fixture, because pytest replaces sys.stderr between the fixtures and the test.
    environment = {"TERM": "xterm-256color", "COLUMNS": "100", "LINES": "30"}
    with pytest.MonkeyPatch.context() as patch:
        for name, value in environment.items():
            patch.setenv(name, value)
        for name in ("NO_COLOR", "FORCE_COLOR", "TTY_COMPATIBLE", "TTY_INTERACTIVE"):
            patch.delenv(name, raising=False)
        screen = Terminal()
        patch.setattr(sys, "stderr", screen)
        yield screen


def without_control_sequences(text):
    """Return text without a terminal's control sequences."""
    return re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", text)


def test_a_terminal_shows_a_bar_for_all_runs_and_one_per_running_run():
    with on_a_terminal() as screen, progress.open_display([4, 4, 2]) as display:
        display.epoch(run("tanh_sgd seed 0", 4), 1, epoch_metrics(12.5))
        display.epoch(run("tanh_sgd seed 1", 4), 0, {})
    *_, all_runs, seed_0, seed_1 = without_control_sequences(screen.getvalue()).rstrip().splitlines()
    assert all_runs.startswith("0 of 3 runs")
    assert "1/10" in all_runs
    assert seed_0.startswith("tanh_sgd seed 0")
    assert "1/4" in seed_0
    assert "validation error 12.50 %" in seed_0
    assert seed_1.startswith("tanh_sgd seed 1")
    assert "0/4" in seed_1


def test_a_finished_run_leaves_a_line_in_place_of_its_bar():
    with on_a_terminal() as screen, progress.open_display([2, 2]) as display:
        for epoch, error in ((1, 12.5), (2, 1.25)):
            display.epoch(run(), epoch, epoch_metrics(error))
        display.finished(run())
        before = len(screen.getvalue())
        display.epoch(run("tanh_sgd seed 1"), 1, epoch_metrics(50.0))
    assert "tanh_sgd seed 0: validation error 1.25 %" in without_control_sequences(screen.getvalue()[:before])
    after = without_control_sequences(screen.getvalue()[before:])
    assert "1 of 2 runs" in after
    assert "tanh_sgd seed 1" in after
    assert "tanh_sgd seed 0" not in after


def test_a_run_that_another_process_trained_counts_as_finished():
    with on_a_terminal() as screen, progress.open_display([2, 3]) as display:
        display.finished(run())
    last = without_control_sequences(screen.getvalue()).rstrip().splitlines()[-1]
    assert last.startswith("1 of 2 runs")
    assert "2/5" in last
