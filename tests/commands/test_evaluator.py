"""Which variants the evaluator evaluates, and when. DVC is replaced; tests/test_pipeline.py runs the real DVC."""

import threading

import pytest
from support.builders import save_evaluated
from support.servers import wait_until

from lenet.commands import dvc
from lenet.commands.evaluator import Evaluator
from lenet.settings import load_settings

VARIANTS = ["tanh_sgd", "relu_adam", "modern"]


class Publisher:
    def __init__(self):
        self.added = []

    def wait(self):
        pass

    def add(self, work):
        self.added.append(work)


@pytest.fixture
def publisher():
    return Publisher()


@pytest.fixture
def evaluator(workspace, monkeypatch, publisher):
    """Return a function that makes an Evaluator.

    headline: the variants whose comparison is printed first. stale: the variants without current results.
    DVC is replaced: each evaluation releases the semaphore `begun`, waits for the semaphore `go`, then appends the list
    of its DVC targets to the list `done`. Tests find `begun`, `go` and `done` as attributes of the Evaluator.
    """
    for variant in VARIANTS:
        save_evaluated(variant, [1.0, 2.0])

    def reproduce_quietly(targets, is_cancelled):
        begun.release()
        go.acquire()
        done.append(list(targets))
        return not is_cancelled()

    begun, go, done = threading.Semaphore(0), threading.Semaphore(0), []
    monkeypatch.setattr(dvc, "reproduce_quietly", reproduce_quietly)

    def make(headline=(), stale=()):
        new_evaluator = Evaluator(load_settings(), headline, stale, publisher)
        new_evaluator.begun, new_evaluator.go, new_evaluator.done = begun, go, done
        return new_evaluator

    return make


def test_variants_added_during_an_evaluation_are_evaluated_together_by_the_next_command(evaluator):
    with evaluator() as running:
        running.add("tanh_sgd")
        running.begun.acquire()
        running.add("relu_adam")
        running.add("modern")
        running.go.release(2)
        running.begun.acquire()
        wait_until(lambda: len(running.done) == 2)
    assert running.done == [["evaluate@tanh_sgd"], ["evaluate@relu_adam", "evaluate@modern"]]


def test_variants_still_queued_at_the_end_are_not_evaluated(evaluator):
    with evaluator() as running:
        running.add("tanh_sgd")
        running.begun.acquire()
        running.add("relu_adam")
        threading.Timer(0.3, running.go.release).start()
    assert running.done == [["evaluate@tanh_sgd"]]


@pytest.mark.parametrize(("stale", "times"), [(VARIANTS, 1), (["tanh_sgd"], 1), ([], 0)])
def test_the_headline_is_printed_once_when_all_its_stale_variants_are_evaluated(
    evaluator, publisher, capsys, stale, times
):
    with evaluator(headline=["tanh_sgd", "relu_adam"], stale=stale) as running:
        running.go.release(3)
        for variant in VARIANTS:
            running.add(variant)
        wait_until(lambda: sum(map(len, running.done)) == len(VARIANTS))
        wait_until(lambda: len(publisher.added) == len(running.done))
    printed = capsys.readouterr().out
    assert printed.count("Errors in percent") == times
    assert ("relu_adam" in printed) == bool(times)
    assert "modern" not in printed
