import pytest

from benchmarks.schedule import makespan_s


def test_one_worker_takes_the_sum_and_a_worker_per_run_the_longest():
    assert makespan_s([3, 1, 2], workers=1) == 6
    assert makespan_s([3, 1, 2], workers=3) == 3


def test_a_worker_that_is_free_begins_the_next_run_in_their_order():
    assert makespan_s([1, 1, 4], workers=2) == 5
    assert makespan_s([4, 1, 1], workers=2) == 4


@pytest.mark.parametrize("workers", [2, 5, 78])
def test_no_number_of_workers_beats_the_work_divided_by_it(workers):
    durations = list(range(1, 79))
    assert sum(durations) / workers <= makespan_s(durations, workers) <= sum(durations) / workers + max(durations)
