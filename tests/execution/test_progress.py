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
    return lambda: [line.rstrip() for line in capsys.readouterr().err.splitlines()]


def test_a_seeds_start_and_its_last_epoch_are_always_told(clock, lines):
    with progress.shown("tanh_sgd", epochs=2) as shown:
        shown.show(3, 0, {})
        shown.show(3, 2, scored(1.25))
    assert lines() == ["tanh_sgd seed 3: epoch 0/2", "tanh_sgd seed 3: epoch 2/2 validation accuracy 98.75 %"]


def test_without_a_validation_score_the_one_in_training_is_told_and_named_so(clock, lines):
    with progress.shown("lenet5_1998", epochs=1) as shown:
        shown.show(0, 1, {"train/error_percent": 1.25})
    assert lines() == ["lenet5_1998 seed 0: epoch 1/1 training accuracy 98.75 %"]


def test_epochs_in_quick_succession_are_left_out(clock, lines):
    with progress.shown("tanh_sgd", epochs=9) as shown:
        shown.show(0, 0, {})
        for clock.now, epoch in ((5, 1), (14.9, 2), (15, 3), (29, 4), (30, 5)):
            shown.show(0, epoch, scored(50.0))
    assert [line.split()[4] for line in lines()] == ["0/9", "3/9", "5/9"]


def test_each_seed_has_a_pace_of_its_own(clock, lines):
    with progress.shown("tanh_sgd", epochs=9) as shown:
        shown.show(0, 1, scored(50.0))
        clock.now = 10
        shown.show(1, 1, scored(50.0))
        clock.now = 16
        shown.show(0, 2, scored(50.0))
        shown.show(1, 2, scored(50.0))
    assert [" ".join(line.split()[1:5]) for line in lines()] == [
        "seed 0: epoch 1/9",
        "seed 1: epoch 1/9",
        "seed 0: epoch 2/9",
    ]


def test_nothing_goes_to_the_standard_output(clock, capsys):
    with progress.shown("tanh_sgd", epochs=1) as shown:
        shown.show(0, 1, scored(1.0))
    captured = capsys.readouterr()
    assert captured.out == ""
    assert "epoch 1/1" in captured.err


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


def test_a_terminal_shows_a_bar_per_running_seed():
    with on_a_terminal() as screen, progress.shown("tanh_sgd", epochs=4) as shown:
        shown.show(0, 1, scored(12.5))
        shown.show(1, 0, {})
    *_, first, second = plain(screen.getvalue()).rstrip().splitlines()
    assert first.startswith("tanh_sgd seed 0")
    assert "1/4 validation accuracy 87.50 %" in first
    assert second.startswith("tanh_sgd seed 1")
    assert "0/4" in second


def test_a_finished_seed_leaves_a_line_in_place_of_its_bar():
    with on_a_terminal() as screen, progress.shown("tanh_sgd", epochs=2) as shown:
        shown.show(0, 1, scored(12.5))
        shown.show(0, 2, scored(1.25))
        before = len(screen.getvalue())
        shown.show(1, 1, scored(50.0))
    assert "tanh_sgd seed 0: validation accuracy 98.75 %" in plain(screen.getvalue()[:before])
    after = plain(screen.getvalue()[before:])
    assert "tanh_sgd seed 1" in after
    assert "tanh_sgd seed 0" not in after
