import numpy as np
import pandas as pd
import pytest

from benchmarks import page

SECONDS = {
    "keras_fit": 300.0,
    "pytorch": 220.0,
    "pytorch_side_by_side": 170.0,
    "pytorch_compiled": 190.0,
    "lab_epochs": 80.0,
    "lab_make_repro": 100.0,
    "machine_limit": 60.0,
}


@pytest.fixture
def training():
    """Two rounds on one machine; those of f take 90 and 110 s, of which 80 are training. And a round on another one."""
    keys = {"machine": "a processor, 2 cores", "digits": 54_000, "runs": 4, "epochs": 20}
    rows = [{**keys, "machine": "another", "contender": "keras_fit", "round": 1, "wall_s": 1.0}]
    for number in (1, 2):
        for name, seconds in SECONDS.items():
            off = {1: -10, 2: 10}[number] if name == "lab_make_repro" else 0
            rows.append(
                {
                    **keys,
                    "contender": name,
                    "round": number,
                    "wall_s": seconds + off,
                    "train_s": 80.0,
                    "compile_s": 20.0,
                }
            )
    return pd.DataFrame(rows)


@pytest.fixture
def epoch():
    seconds = {"epoch": 5.5, "limit": 2.0, "limit with AVX2": 2.25, "Conv2D": 1.5, "Conv2DBackpropInput": 1.0}
    parts = pd.DataFrame((seconds | {"Tanh": 2.46, "Pad": 0.04}).items(), columns=["part", "seconds"])
    return parts.assign(machine="a processor, 2 cores")


@pytest.fixture
def growth():
    sizes = (1, 10, 100, 1000)
    rows = [("seeds", size, "report", size / 100) for size in sizes] + [
        ("seeds", size, "plan", size**2) for size in sizes
    ]
    rows += [("study", 0, "no run trains", 100.0)]
    rows += [("wait", 0, "make demo", 61.0), ("stage", 0, "import train", 1.0), ("stage", 0, "train", 9.0)]
    table = pd.DataFrame(rows, columns=["of", "size", "step", "cpu_s"])
    return table.assign(machine="a processor, 2 cores", wall_s=table.cpu_s, peak_mib=300.0)


def run_times(count):
    """So many runs of 15 variants, of 100 s each."""
    return pd.Series(100.0, index=[f"variant_{number % 15} seed {number // 15}" for number in range(count)])


def line(text, start):
    (found,) = (each for each in text.splitlines() if each.startswith(start))
    return found


def test_each_contender_stands_beside_make_repro_with_its_target(training, epoch, growth):
    text = page.text(training, epoch, growth, run_times(78))
    assert "medians of 2 rounds" in text
    assert line(text, "| a)").endswith("| 300 s | 300–300 s | 3.00 | ≥ 3.0: met |")
    assert line(text, "| c)").endswith("| 170 s | 170–170 s | 1.70 | ≥ 1.8: **missed** |")
    assert line(text, "| e)").endswith("| 80 s | 80–80 s | 0.80 | ≤ 1.6 × g: 1.33, met |")
    assert line(text, "| f)").endswith("| 100 s | 90–110 s | 1.00 |  |")
    assert "Of f, 80 s are training: 2.12 times as fast as c, and 2.38 times as fast as d." in text


def test_what_is_not_training_is_told_of_one_variant_and_of_the_study(training, growth):
    last = page.last_benchmark(training)
    told = page.of_the_rest(last, growth, run_times(78))
    assert "takes 20% of f, one variant alone" in told
    assert "it takes 2.5%: 100 s in which no run trains (target: below 8%, met)" in told  # 100 of 100 + 78 × 100 / 2
    assert page.of_the_rest(last, growth.head(0), run_times(78)).endswith("one variant alone.")


def test_the_operations_of_an_epoch_are_told_by_their_share_and_small_ones_together(epoch):
    told = page.of_an_epoch(epoch)
    assert "took 5.50 s" in told
    assert "counts 5.00 s in operations, 50% of them in convolutions" in told
    assert line(told, "| `Conv2D`") == "| `Conv2D` | 1.50 s | 30% |"
    assert line(told, "| all others") == "| all others | 0.04 s | 1% |"
    assert "the same arithmetic takes 2.00 s of one core, and 2.25 s with" in told
    assert "Pad" not in told


def test_a_large_study_costs_as_many_core_hours_as_its_runs_take(training):
    rows = [
        ("variants", size, step, size * cost) for size in (5, 50) for step, cost in (("plan", 0.1), ("report", 0.5))
    ]
    growth = pd.DataFrame(rows, columns=["of", "size", "step", "cpu_s"])
    text = page.of_a_large_study(run_times(90), growth)
    assert "1,000 variants × 10 seeds" in text
    assert "(100 s on average), costs 278 core hours" in text
    assert line(text, "| 128 ") == "| 128 | 2.2 h | 2.2 h |"
    assert "take 10 minutes more, on the machine that runs the command: 0.60 s per variant, as measured for 50." in text


def test_a_step_that_grows_faster_than_its_work_misses_its_target(training, growth):
    text = page.text(training, pd.DataFrame(), growth, pd.Series(dtype=float))
    assert line(text, "| report").endswith("| 0.01 s at 1 | 10 s at 1,000 | 1.00 | met |")
    assert line(text, "| plan").endswith("| 2.00 | **missed** |")
    assert line(text, "| make demo").endswith("| 61.0 s | below 60 s: **missed** |")
    assert line(text, "| `train`") == "| `train` | 1.0 s | 9.0 s | 300 MiB |"


def test_a_fixed_cost_at_small_sizes_does_not_hide_growth_at_large_ones():
    sizes = np.array([1, 2, 4, 1000, 2000, 4000])
    assert page.slope(sizes, 50 + sizes**1.5) == pytest.approx(1.5, abs=0.01)


def test_what_was_not_measured_is_left_out():
    text = page.text(pd.DataFrame(), pd.DataFrame(), pd.DataFrame(), pd.Series(dtype=float))
    assert "## Training" not in text
    assert "## What would gain more" in text


def test_the_figure_has_a_panel_for_each_kind_of_work_and_one_for_workers(growth):
    figure = page.draw(growth, run_times(2))
    assert [panel.get_xlabel() for panel in figure.axes if panel.get_xlabel()] == ["seeds", "workers"]
