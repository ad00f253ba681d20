"""Which misread test digits the page shows, and what it says about each."""

from dataclasses import dataclass

import numpy as np

from lenet.evaluation.study import Study

# How many digits of a kind are shown; how many writers, and how many digits of each.
_OF_A_KIND = 24
_WRITERS, _OF_A_WRITER = 6, 12


@dataclass(frozen=True)
class MisreadImage:
    """A test digit, what it is most often taken for, and how many networks of the old and of the new variant err."""

    index: int
    label: int
    taken_for: int
    original: int
    top: int


@dataclass(frozen=True)
class HardWriter:
    """A writer whose digits are misread often: NIST's number and group, how many digits of the test set are theirs, the
    mean error of all networks on them, in percent, and the digits that are misread most.
    """

    number: int
    group: str
    written: int
    error: float
    digits: list[MisreadImage]


def misread_by(study: Study) -> dict[str, tuple[int, list[MisreadImage]]]:
    """Return, by who misreads them, how many test digits there are, and those of them misread by most networks.

    A variant misreads a digit if at least half of its networks do.
    """
    old, new = study.original, study.top
    counts = {variant: study.wrong[variant].sum(axis=0) for variant in (old, new)}
    misread = {variant: 2 * count >= len(study.wrong[variant]) for variant, count in counts.items()}
    kinds = {
        f"Only {old} misreads": (misread[old] & ~misread[new], old),
        f"Only {new} misreads": (misread[new] & ~misread[old], new),
        "Both misread": (misread[old] & misread[new], old),
    }
    total = counts[old] + counts[new]
    shown_of_kind = {}
    for kind, (of_kind, reader) in kinds.items():
        indices = np.flatnonzero(of_kind)
        worst = indices[np.argsort(-total[indices], kind="stable")][:_OF_A_KIND]
        digits = [_misread(study, index, reader, counts[old], counts[new]) for index in worst]
        shown_of_kind[kind] = (len(indices), digits)
    return shown_of_kind


def hard_writers(study: Study) -> list[HardWriter]:
    """Return the writers with most misread digits, counted over all networks; none if writers are not known."""
    if not study.writers.are_known:
        return []
    writers, shares = study.writers, np.concatenate(list(study.wrong.values())).mean(axis=0)
    totals = np.bincount(writers.writer_of_image, shares)
    return [_hard_writer(study, writer, shares) for writer in np.argsort(-totals, kind="stable")[:_WRITERS]]


def _hard_writer(study: Study, writer: int, shares: np.ndarray) -> HardWriter:
    written = np.flatnonzero(study.writers.writer_of_image == writer)
    worst = written[np.argsort(-shares[written], kind="stable")][:_OF_A_WRITER]
    old, new = (study.wrong[variant].sum(axis=0) for variant in (study.original, study.top))
    return HardWriter(
        number=int(study.writers.numbers[writer]),
        group=study.writers.titles[study.writers.groups[writer]],
        written=len(written),
        error=100 * float(shares[written].mean()),
        digits=[_misread(study, digit, _worst_reader(study, digit), old, new) for digit in worst if shares[digit]],
    )


def _worst_reader(study: Study, index: int) -> str:
    """Return the variant most of whose networks misread a digit."""
    return max(study.wrong, key=lambda variant: study.wrong[variant][:, index].mean())


def shown(study: Study) -> list[int]:
    """Return the misread test digits whose pictures the page shows."""
    misread = [digit for _, digits in misread_by(study).values() for digit in digits]
    misread += [digit for writer in hard_writers(study) for digit in writer.digits]
    return sorted({digit.index for digit in misread})


def picture_of(index: int) -> str:
    """Return the name of a test digit's picture."""
    return f"digit-{index}"


def _misread(study: Study, index: int, variant: str, old: np.ndarray, new: np.ndarray) -> MisreadImage:
    misread = study.misread[variant]
    (place,) = np.flatnonzero(misread.indices == index)
    label, answers = int(misread.labels[place]), misread.answers[:, place]
    taken_for = int(np.bincount(answers[answers != label], minlength=10).argmax())
    return MisreadImage(int(index), label, taken_for, int(old[index]), int(new[index]))
