import threading
import time

import pytest

from lenet.commands import compiling
from lenet.execution import pool
from lenet.settings import load_settings


def test_where_no_recipe_is_of_1998_no_worker_is_started(workspace):
    with compiling.compiling_ahead([load_settings().variants["relu_adam"]]):
        assert "compile" not in {thread.name for thread in threading.enumerate()}


@pytest.mark.slow
def test_a_worker_trains_on_a_few_digits_so_that_what_it_compiles_is_kept(workspace):
    recipe, worker, epochs = load_settings().variants["lenet5_1998"], pool.Worker(), []
    try:
        worker.run(compiling.train_on_few, recipe.model_copy(update={"epochs": 1}), emit=epochs.append)
    finally:
        worker.kill()
    assert epochs == [1]


@pytest.mark.slow
def test_a_command_that_is_done_sooner_does_not_wait_for_it(workspace):
    started = time.monotonic()
    with compiling.compiling_ahead(load_settings().variants.values()):
        pass
    assert time.monotonic() - started < 5
