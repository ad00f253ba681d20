import pandas as pd
import pytest

from benchmarks import measured, page

SECONDS = {
    "keras_fit": 300.0,
    "pytorch": 220.0,
    "pytorch_side_by_side": 170.0,
    "pytorch_compiled": 190.0,
    "lab_epochs": 80.0,
    "lab_make_repro": 100.0,
}


@pytest.fixture
def times():
    """Return a table of times: two rounds on one machine, and one time on another machine.

    In the two rounds, `make repro` (contender f) takes 90 s and 110 s. In both, 80 s of this time are training.
    """
    keys = {"machine": "a processor, 2 cores", "digits": 54_000, "runs": 4, "epochs": 20, "train_s": 80.0}
    rows = [{**keys, "machine": "another", "contender": "keras_fit", "round": 1, "wall_s": 1.0, "compile_s": 20.0}]
    for number, difference in ((1, -10), (2, 10)):
        for name, seconds in SECONDS.items():
            wall_s = seconds + difference if name == "lab_make_repro" else seconds
            rows.append({**keys, "contender": name, "round": number, "wall_s": wall_s, "compile_s": 20.0})
    return pd.DataFrame(rows)


def test_the_page_compares_each_contender_with_make_repro_and_with_its_target(times):
    text = page.text(times)
    for line in (
        "| a) Keras, `fit` as in tutorials, one run after another | 300 s | 300–300 s | 3.00 | ≥ 3.0: met |",
        "| c) PyTorch, one thread, two runs side by side | 170 s | 170–170 s | 1.70 | ≥ 1.8: **missed** |",
        "| e) this project, its epochs alone, two runs side by side | 80 s | 80–80 s | 0.80 |  |",
        "| f) this project, `make repro` in a new clone, everything included | 100 s | 90–110 s | 1.00 |  |",
    ):
        assert line in text.splitlines()
    assert "medians of 2 rounds" in text
    assert (
        "In f, training takes 80 s: it is 2.12 times as fast as c, and 2.38 times as fast as d. The other 20% are"
        in text
    )


def test_the_page_says_if_some_contenders_were_timed_in_fewer_rounds(times):
    assert "medians of at most 2 rounds" in page.text(times[:-3])


def test_the_page_shows_the_committed_times():
    assert page.PAGE.read_text(encoding="utf-8") == page.text(measured.read())
