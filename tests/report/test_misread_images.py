"""Which digits the page shows: of a small study, and of the committed one, whose writers are known."""

import numpy as np
import pytest
from support.builders import study

from lenet.report import misread_images


def test_misread_digits_are_sorted_by_who_misreads_them():
    found = misread_images.misread_by(study({"old": [3.0, 3.0, 1.0], "new": [2.0, 5.0, 2.0]}))
    assert {kind: (count, [digit.index for digit in shown]) for kind, (count, shown) in found.items()} == {
        "Only old misreads": (1, [2]),
        "Only new misreads": (0, []),
        "Both misread": (2, [0, 1]),
    }
    digit = found["Only old misreads"][1][0]
    assert (digit.label, digit.taken_for, digit.original, digit.top) == (2, 3, 2, 1)


def test_writers_are_those_of_most_misread_digits(committed):
    shares = np.concatenate(list(committed.wrong.values())).mean(axis=0)
    totals = sorted(np.bincount(committed.writers.writer_of_image, shares).tolist(), reverse=True)
    found = misread_images.hard_writers(committed)
    assert [writer.error * writer.written / 100 for writer in found] == pytest.approx(totals[: len(found)])
    assert {writer.group for writer in found} <= {"employees", "students"}
    first = found[0]
    assert (committed.writers.numbers[committed.writers.writer_of_image[first.digits[0].index]]) == first.number
    each = [shares[digit.index] for digit in first.digits]
    assert each == sorted(each, reverse=True)
    assert min(each) > 0


def test_every_digit_that_is_told_of_is_shown_once(committed):
    told = [digit.index for _, digits in misread_images.misread_by(committed).values() for digit in digits]
    told += [digit.index for writer in misread_images.hard_writers(committed) for digit in writer.digits]
    assert misread_images.shown(committed) == sorted(set(told))


def test_of_other_digits_no_writer_is_shown():
    made = study({"old": [3.0, 3.0, 1.0], "new": [2.0, 5.0, 2.0]})
    assert misread_images.hard_writers(made) == []
    assert misread_images.shown(made) == [0, 1, 2]
