"""How long a study takes on a number of workers, simulated from how long its runs took."""

import heapq
from collections.abc import Sequence


def makespan_s(durations_s: Sequence[float], workers: int) -> float:
    """Return when the last run ends if each worker, as soon as it is free, begins the next run."""
    free = [0.0] * workers
    for duration_s in durations_s:
        heapq.heappush(free, heapq.heappop(free) + duration_s)
    return max(free)
