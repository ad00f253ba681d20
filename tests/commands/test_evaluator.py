"""Which variants are evaluated when; DVC itself is at work in the tests of the pipeline."""

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
    """Call it with a headline and what is stale. Each evaluation waits for `go`, and is then in `done`."""
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
        made = Evaluator(load_settings(), headline, stale, publisher)
        made.begun, made.go, made.done = begun, go, done
        return made

    return make


def test_what_is_added_meanwhile_is_evaluated_by_one_command(evaluator):
    with evaluator() as here:
        here.add("tanh_sgd")
        here.begun.acquire()
        here.add("relu_adam")
        here.add("modern")
        here.go.release(2)
        here.begun.acquire()
        wait_until(lambda: len(here.done) == 2)
    assert here.done == [["evaluate@tanh_sgd"], ["evaluate@relu_adam", "evaluate@modern"]]


def test_what_waits_at_the_end_is_left_to_the_command_that_follows(evaluator):
    with evaluator() as here:
        here.add("tanh_sgd")
        here.begun.acquire()
        here.add("relu_adam")
        threading.Timer(0.3, here.go.release).start()
    assert here.done == [["evaluate@tanh_sgd"]]


@pytest.mark.parametrize(("stale", "shown"), [(VARIANTS, 1), (["tanh_sgd"], 1), ([], 0)])
def test_the_headline_is_shown_once_when_all_of_it_that_was_stale_is_evaluated(
    evaluator, publisher, capsys, stale, shown
):
    with evaluator(headline=["tanh_sgd", "relu_adam"], stale=stale) as here:
        here.go.release(3)
        for variant in VARIANTS:
            here.add(variant)
        wait_until(lambda: sum(map(len, here.done)) == len(VARIANTS))
        wait_until(lambda: len(publisher.added) == len(here.done))
    printed = capsys.readouterr().out
    assert printed.count("Errors in percent") == shown
    assert ("relu_adam" in printed) == bool(shown)
    assert "modern" not in printed
