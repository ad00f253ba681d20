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

import numpy as np

# True class and answer of each, row by row, transcribed from memory of the figure, and unchecked.
FIGURE_8 = """
4>6 3>5 8>2 2>1 5>3 4>8 2>8 3>5 6>5 7>3 9>4 8>0 7>8 5>3 8>7 0>6 3>7 2>7 8>3 9>4 8>2 5>3 4>8 3>9 6>0 9>8 4>9
6>1 9>4 9>1 9>4 2>0 6>1 3>5 3>2 9>5 6>0 6>0 6>0 6>8 4>6 7>3 9>4 4>6 2>7 9>7 4>3 9>4 9>4 9>4 8>7 4>2 8>4 3>5
8>4 6>5 8>5 3>8 3>8 9>8 1>5 9>8 6>3 0>2 6>5 9>5 0>7 1>6 4>9 2>1 2>8 8>5 4>9 7>2 7>2 6>5 9>7 6>1 5>6 5>0 4>9 2>8
"""
ENTRIES = tuple((int(entry[0]), int(entry[2])) for entry in FIGURE_8.split())

_PRIOR_NETWORKS = 0.5  # ε
_GARBLED = 0.02
_CLASSES = 10


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


def posteriors(chance: np.ndarray, labels: np.ndarray, entries: Sequence[tuple[int, int]] = ENTRIES) -> np.ndarray:
    """Return for each entry, which of the digits it is: float64 (entries, digits); what lacks to 1, none of them."""
    weights = _weights(chance, labels, entries)
    forward = _sums(weights)
    backward = _sums(weights[::-1, ::-1])[::-1, ::-1]
    total = forward[-1, -1]
    # forward[k, d]: the first k entries among the first d digits; backward[k, d]: the rest among those from d on.
    found = np.zeros(weights.shape)
    for k in range(len(entries)):
        with np.errstate(divide="ignore"):
            logs = forward[k, :-1] + np.log(weights[k]) + backward[k + 1, 1:] - total
        found[k] = np.exp(logs)
    return found


def log_likelihood(chance: np.ndarray, labels: np.ndarray, entries: Sequence[tuple[int, int]] = ENTRIES) -> float:
    """Return the logarithm of the summed likelihoods of all alignments, relative to that of no misread digit."""
    return float(_sums(_weights(chance, labels, entries))[-1, -1])


def permutation_test(chance: np.ndarray, labels: np.ndarray, shuffles: int, seed: int = 0) -> tuple[float, np.ndarray]:
    """Return the log-likelihood of the figure's order and those of shuffled orders, (shuffles,)."""
    generator = np.random.default_rng(seed)
    shuffled = [
        log_likelihood(chance, labels, [ENTRIES[place] for place in generator.permutation(len(ENTRIES))])
        for _ in range(shuffles)
    ]
    return log_likelihood(chance, labels), np.array(shuffled)


def _weights(chance: np.ndarray, labels: np.ndarray, entries: Sequence[tuple[int, int]]) -> np.ndarray:
    """Return the odds that an entry is a digit: (entries, digits), 0 where the class is another."""
    right = 1 - chance.sum(axis=1)
    odds = (1 - _GARBLED) * chance / np.maximum(right, 1e-12)[:, None]
    return np.stack([np.where(labels == actual, odds[:, answer], 0.0) for actual, answer in entries])


def _sums(weights: np.ndarray) -> np.ndarray:
    """Return log sums over alignments: (entries + 1, digits + 1), of the first k entries among the first d digits."""
    entries, digits = weights.shape
    sums = np.zeros((entries + 1, digits + 1))
    for k in range(entries):
        with np.errstate(divide="ignore"):
            placed = sums[k, :-1] + np.log(weights[k])
            skipped = sums[k] + np.log(_GARBLED)
        sums[k + 1] = np.logaddexp(skipped, np.concatenate([[-np.inf], np.logaddexp.accumulate(placed)]))
    return sums
