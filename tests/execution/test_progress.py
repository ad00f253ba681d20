"""Bars on a terminal, few plain lines elsewhere."""

import io
import re
import sys
from contextlib import contextmanager
from types import SimpleNamespace

import pytest

from lenet.execution import progress


def scored(validation_error):
    """The metrics of an epoch."""
    return {"train/error_percent": 75.0, "validation/error_percent": validation_error}


@pytest.fixture
def clock(monkeypatch):
    """A clock that stands until it is set."""
    clock = SimpleNamespace(now=0.0)
    monkeypatch.setattr(progress, "time", SimpleNamespace(monotonic=lambda: clock.now))
    return clock


@pytest.fixture
def lines(capsys):
    """Return the lines on the standard error; nothing goes to the standard output."""

    def read():
        captured = capsys.readouterr()
        assert captured.out == ""
        return captured.err.splitlines()

    return read


def run(name="tanh_sgd seed 0", epochs=2):
    return SimpleNamespace(name=name, epochs=epochs)


def test_a_runs_start_its_last_epoch_and_its_end_are_always_told(clock, lines):
    with progress.open_display([2, 2]) as shown:
        shown.epoch(run(), 0, {})
        shown.epoch(run(), 2, scored(1.25))
        shown.finished(run())
    assert lines() == [
        "tanh_sgd seed 0: epoch 0/2",
        "tanh_sgd seed 0: epoch 2/2 validation accuracy 98.75 %",
        "tanh_sgd seed 0: 1 of 2 runs finished",
    ]


def test_without_a_validation_score_the_one_in_training_is_told_and_named_so(clock, lines):
    with progress.open_display([1]) as shown:
        shown.epoch(run("lenet5_1998 seed 0", epochs=1), 1, {"train/error_percent": 1.25})
    assert lines() == ["lenet5_1998 seed 0: epoch 1/1 training accuracy 98.75 %"]


def test_epochs_in_quick_succession_are_left_out_however_many_runs_there_are(clock, lines):
    with progress.open_display([9] * 20) as shown:
        shown.epoch(run(epochs=9), 0, {})
        for clock.now, seed, epoch in ((5, 0, 1), (14.9, 1, 2), (15, 1, 3), (29, 0, 4), (30, 0, 5)):
            shown.epoch(run(f"tanh_sgd seed {seed}", epochs=9), epoch, scored(50.0))
    assert [line.split(" validation")[0] for line in lines()] == [
        "tanh_sgd seed 0: epoch 0/9",
        "tanh_sgd seed 1: epoch 3/9",
        "tanh_sgd seed 0: epoch 5/9",
    ]


class Terminal(io.StringIO):
    """What is written to a terminal can be read back here."""

    def isatty(self):
        return True


@contextmanager
def on_a_terminal():
    """Make standard error a terminal of 100 columns."""
    # In the test itself, not in a fixture: pytest puts its own stderr in place between the two.
    known = {"TERM": "xterm-256color", "COLUMNS": "100", "LINES": "30"}
    with pytest.MonkeyPatch.context() as patch:
        for name, value in known.items():
            patch.setenv(name, value)
        for name in ("NO_COLOR", "FORCE_COLOR", "TTY_COMPATIBLE", "TTY_INTERACTIVE"):
            patch.delenv(name, raising=False)
        screen = Terminal()
        patch.setattr(sys, "stderr", screen)
        yield screen


def plain(text):
    """Return text without a terminal's control sequences."""
    return re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", text)


def test_a_terminal_shows_a_bar_for_all_runs_and_one_per_running_run():
    with on_a_terminal() as screen, progress.open_display([4, 4, 2]) as shown:
        shown.epoch(run("tanh_sgd seed 0", 4), 1, scored(12.5))
        shown.epoch(run("tanh_sgd seed 1", 4), 0, {})
    *_, everything, first, second = plain(screen.getvalue()).rstrip().splitlines()
    assert everything.startswith("0 of 3 runs")
    assert "1/10" in everything
    assert first.startswith("tanh_sgd seed 0")
    assert "1/4" in first
    assert "validation accuracy 87.50 %" in first
    assert second.startswith("tanh_sgd seed 1")
    assert "0/4" in second


def test_a_finished_run_leaves_a_line_in_place_of_its_bar():
    with on_a_terminal() as screen, progress.open_display([2, 2]) as shown:
        for epoch, error in ((1, 12.5), (2, 1.25)):
            shown.epoch(run(), epoch, scored(error))
        shown.finished(run())
        before = len(screen.getvalue())
        shown.epoch(run("tanh_sgd seed 1"), 1, scored(50.0))
    assert "tanh_sgd seed 0: validation accuracy 98.75 %" in plain(screen.getvalue()[:before])
    after = plain(screen.getvalue()[before:])
    assert "1 of 2 runs" in after
    assert "tanh_sgd seed 1" in after
    assert "tanh_sgd seed 0" not in after


def test_a_run_that_another_process_trained_counts_as_finished():
    with on_a_terminal() as screen, progress.open_display([2, 3]) as shown:
        shown.finished(run())
    last = plain(screen.getvalue()).rstrip().splitlines()[-1]
    assert last.startswith("1 of 2 runs")
    assert "2/5" in last
