"""The 82 test digits that LeNet-5 misread in 1998, found again in the test set.

Figure 8 of the paper shows them as pictures, with their classes and what was answered, and does not say which digits of
the test set they are. It follows the order of the test set. So the list is aligned with the test set:

- A digit is misread as in the figure with probability p(digit, answer) = (n + ε r) / (N + ε), where n of our N networks
  give that answer, r is how often they give it for digits of that class, and ε = 0.5 lets digits in that none of ours
  misreads.
- An entry is transcribed wrongly with probability 0.02, and then says nothing.

The likelihoods of all alignments that keep the order add up by dynamic programming, forwards and backwards, to the
posterior probability that an entry is a digit. Pure functions on arrays.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

# True class and answer of each, row by row, transcribed from memory of the figure, and unchecked.
FIGURE_8 = """
4>6 3>5 8>2 2>1 5>3 4>8 2>8 3>5 6>5 7>3 9>4 8>0 7>8 5>3 8>7 0>6 3>7 2>7 8>3 9>4 8>2 5>3 4>8 3>9 6>0 9>8 4>9
6>1 9>4 9>1 9>4 2>0 6>1 3>5 3>2 9>5 6>0 6>0 6>0 6>8 4>6 7>3 9>4 4>6 2>7 9>7 4>3 9>4 9>4 9>4 8>7 4>2 8>4 3>5
8>4 6>5 8>5 3>8 3>8 9>8 1>5 9>8 6>3 0>2 6>5 9>5 0>7 1>6 4>9 2>1 2>8 8>5 4>9 7>2 7>2 6>5 9>7 6>1 5>6 5>0 4>9 2>8
"""
Entry = tuple[int, int]
ENTRIES: tuple[Entry, ...] = tuple((int(entry[0]), int(entry[2])) for entry in FIGURE_8.split())

SURE = 0.5  # the posterior from which on an entry counts as found
SHUFFLES = 199
_PRIOR_NETWORKS = 0.5  # ε
_GARBLED = 0.02
_CLASSES = 10


@dataclass(frozen=True)
class Found:
    """An entry of the figure: class, answer of 1998, the most likely digit of the test set and its posterior."""

    label: int
    answered: int
    digit: int
    posterior: float

    @property
    def is_known(self) -> bool:
        return self.posterior >= SURE


@dataclass(frozen=True)
class Alignment:
    """The figure's entries found again, and how likely its order and shuffled orders of it, (shuffles,), are."""

    found: Sequence[Found]
    log_likelihood: float
    shuffled: np.ndarray

    @property
    def as_likely(self) -> int:
        """How many of the shuffled orders are at least as likely as the figure's."""
        return int((self.shuffled >= self.log_likelihood).sum())

    @property
    def p_value(self) -> float:
        """Of the permutation test: the share of orders, the figure's among them, that are as likely as the figure's."""
        return (1 + self.as_likely) / (1 + len(self.shuffled))


def align(answers: np.ndarray, labels: np.ndarray) -> Alignment:
    """Find the figure's digits again by what networks answer: int (networks, digits). labels: int (digits,)."""
    likely = odds(chances(answers, labels), labels)
    of_entries = posteriors(likely)
    found = [
        Found(*entry, digit=int(each.argmax()), posterior=float(each.max()))
        for entry, each in zip(ENTRIES, of_entries, strict=True)
    ]
    return Alignment(found, *permutation_test(likely, SHUFFLES))


def chances(answers: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """Return p: float64 (digits, 10), the probability of each wrong answer to each digit, 0 for the right one.

    answers: int (networks, digits), what ours answer. labels: int (digits,).
    """
    counts = np.stack([(answers == answer).sum(axis=0) for answer in range(_CLASSES)], axis=1).astype(float)
    counts[np.arange(len(labels)), labels] = 0
    of_class = np.stack([counts[labels == actual].sum(axis=0) for actual in range(_CLASSES)])
    digits = np.maximum(np.bincount(labels, minlength=_CLASSES), 1)[:, None]
    rates = of_class / (len(answers) * digits)
    chance = (counts + _PRIOR_NETWORKS * rates[labels]) / (len(answers) + _PRIOR_NETWORKS)
    chance[np.arange(len(labels)), labels] = 0
    return chance


def odds(chance: np.ndarray, labels: np.ndarray, entries: Sequence[Entry] = ENTRIES) -> np.ndarray:
    """Return the odds that an entry is a digit against its being read right: float64 (entries, digits)."""
    right = 1 - chance.sum(axis=1)
    misread = (1 - _GARBLED) * chance / np.maximum(right, 1e-12)[:, None]
    return np.stack([np.where(labels == actual, misread[:, answer], 0.0) for actual, answer in entries])


def posteriors(odds: np.ndarray) -> np.ndarray:
    """Return for each entry, which of the digits it is: float64 (entries, digits); what lacks to 1, none of them."""
    forward, forward_logs = _sums(odds)
    backward, backward_logs = (each[::-1] for each in _sums(odds[::-1, ::-1]))
    # forward[k, d]: the first k entries among the first d digits; backward[k, d]: the rest among those from d on.
    scales = np.exp(forward_logs[:-1] + backward_logs[1:] - forward_logs[-1]) / forward[-1, -1]
    return forward[:-1, :-1] * odds * backward[1:, -2::-1] * scales[:, None]


def log_likelihood(odds: np.ndarray) -> float:
    """Return the logarithm of the summed likelihoods of all alignments, relative to that of no misread digit."""
    sums, logs = _sums(odds)
    return float(np.log(sums[-1, -1]) + logs[-1])


def permutation_test(odds: np.ndarray, shuffles: int, seed: int = 0) -> tuple[float, np.ndarray]:
    """Return the log-likelihood of the entries in their order, and of those in shuffled orders, (shuffles,)."""
    generator = np.random.default_rng(seed)
    shuffled = [log_likelihood(odds[generator.permutation(len(odds))]) for _ in range(shuffles)]
    return log_likelihood(odds), np.array(shuffled)


def _sums(odds: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return sums over alignments of the first k entries among the first d digits: (entries + 1, digits + 1).

    Each row is scaled by its largest value, whose logarithm is the second result, (entries + 1,).
    """
    entries, digits = odds.shape
    sums, logs = np.ones((entries + 1, digits + 1)), np.zeros(entries + 1)
    for k in range(entries):
        row = _GARBLED * sums[k]
        row[1:] += np.cumsum(sums[k, :-1] * odds[k])
        sums[k + 1], logs[k + 1] = row / row[-1], logs[k] + np.log(row[-1])
    return sums, logs
