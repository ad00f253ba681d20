"""Which digits the page shows: of a small study, and of the committed one, whose writers are known."""

import numpy as np
import pytest
from support.builders import study

from lenet.report import digits


def test_misread_digits_are_sorted_by_who_misreads_them():
    found = digits.misread_by(study({"old": [3.0, 3.0, 1.0], "new": [2.0, 5.0, 2.0]}))
    assert {kind: (count, [digit.index for digit in shown]) for kind, (count, shown) in found.items()} == {
        "Only old misreads": (1, [2]),
        "Only new misreads": (0, []),
        "Both misread": (2, [0, 1]),
    }
    digit = found["Only old misreads"][1][0]
    assert (digit.label, digit.taken_for, digit.old, digit.new) == (2, 3, 2, 1)


def test_writers_are_those_of_most_misread_digits(committed):
    shares = np.concatenate(list(committed.wrong.values())).mean(axis=0)
    totals = sorted(np.bincount(committed.writers.of_digits, shares).tolist(), reverse=True)
    found = digits.hard_writers(committed)
    assert [writer.error * writer.written / 100 for writer in found] == pytest.approx(totals[: len(found)])
    assert {writer.group for writer in found} <= {"employees", "students"}
    first = found[0]
    assert (committed.writers.numbers[committed.writers.of_digits[first.digits[0].index]]) == first.number
    each = [shares[digit.index] for digit in first.digits]
    assert each == sorted(each, reverse=True)
    assert min(each) > 0


def test_digits_of_1998_are_of_the_class_that_the_figure_says(committed):
    found = digits.of_1998(committed)
    assert len(found) == 82
    known = [(each, networks) for each, networks in found if each.is_known]
    assert len(known) > 41
    for each, networks in known:
        labels = [of.labels[of.indices == each.digit].tolist() for of in committed.misread.values()]
        assert {label for one in labels for label in one} <= {each.label}
        assert networks[committed.base] == committed.wrong[committed.base][:, each.digit].sum()


def test_the_order_of_figure_8_is_that_of_the_test_set(committed):
    assert committed.figure_8.p_value == 0.005


def test_every_digit_that_is_told_of_is_shown_once(committed):
    shown = digits.shown(committed)
    assert shown == sorted(set(shown))
    assert {each.digit for each, _ in digits.of_1998(committed) if each.is_known} <= set(shown)


def test_of_other_digits_no_writer_and_no_figure_is_shown():
    made = study({"old": [3.0, 3.0, 1.0], "new": [2.0, 5.0, 2.0]})
    assert digits.hard_writers(made) == digits.of_1998(made) == []
    assert digits.shown(made) == [0, 1, 2]
