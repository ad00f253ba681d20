"""Write docs/benchmarks.md from the times in training.csv.

python -m benchmarks.page
"""

import pandas as pd

from benchmarks import measured
from lenet.errors import counted
from lenet.workspace import atomic_write

PAGE = measured.ROOT / "docs/benchmarks.md"
CONTENDERS = {
    "keras_fit": "Keras, `fit` as in tutorials, one run after another",
    "pytorch": "PyTorch, two threads, one run after another",
    "pytorch_side_by_side": "PyTorch, one thread, two runs side by side",
    "pytorch_compiled": "the same with `torch.compile`, compiling included",
    "lab_epochs": "this project, its epochs alone, two runs side by side",
    "lab_make_repro": "this project, `make repro` in a new clone, everything included",
}
# Each of these contenders should take at least this many times as long as `make repro` (f).
TARGETS = {"keras_fit": 3.0, "pytorch": 2.1, "pytorch_side_by_side": 1.8, "pytorch_compiled": 1.8}
ABOUT = """\
`make bench` measures the times (two hours on two idle cores) and writes this page from `benchmarks/training.csv`. Each
time is saved as soon as it is measured, so an interrupted benchmark continues where it stopped. To start over, remove
the CSV file. PyTorch is installed into its own environment, `.bench/`. How costs grow with the size of a study is
described in [Beyond one machine](scaling.md#how-costs-grow)."""
ABOUT_THE_REST = (
    "Most of this uses only one core: one program after another imports TensorFlow, MLflow and Matplotlib, to train, "
    "to evaluate and to report. With more seeds or epochs, this part becomes smaller."
)
WHAT_WOULD_GAIN_MORE = """\
## What would gain more

Convolutions take 73 % of the time that TensorFlow's profiler counts in operations. As large matrix products, the same
arithmetic would take one core 2.5 s for an epoch instead of 5.9 s. But oneDNN comes near that speed only if there are
many channels: C1 has one in and six out, C3 six in and sixteen out."""


def last_benchmark(times: pd.DataFrame) -> pd.DataFrame:
    """Return the rows whose machine and amount of work equal those of the table's last row."""
    return times.merge(times[["machine", "digits", "runs", "epochs"]].tail(1))


def setting(times: pd.DataFrame) -> str:
    """Describe the machine, the training, and how many rounds of timing there were."""
    last, rounds = times.iloc[-1], times.groupby("contender").size()
    at_most = "at most " if rounds.min() < rounds.max() else ""  # the benchmark was interrupted
    return (
        f"{last.machine}. {last.runs} runs of {last.epochs} epochs of {last.digits:,} digits: LeNet-5 with 61,706 "
        "parameters, average pooling, tanh, SGD in batches of 32, validated after each epoch. Times are for whole "
        f"processes, imports included (except e): medians of {at_most}{counted(rounds.max(), 'round')} in which all "
        "take turns."
    )


def table(times: pd.DataFrame, medians: pd.DataFrame) -> str:
    """Return a Markdown table that compares the contenders' times with the time of `make repro`."""
    lines = ["| what | time | least–most | time / f | target |", "|---|---:|---:|---:|---:|"]
    for letter, (name, what) in zip("abcdef", CONTENDERS.items(), strict=True):
        seconds, timed = medians.wall_s[name], times[times.contender == name].wall_s
        ratio, target = seconds / medians.wall_s["lab_make_repro"], ""
        if name in TARGETS:
            target = f"≥ {TARGETS[name]}: {'met' if ratio >= TARGETS[name] else '**missed**'}"
        span = f"{timed.min():.0f}–{timed.max():.0f} s"
        lines.append(f"| {letter}) {what} | {seconds:.0f} s | {span} | {ratio:.2f} | {target} |")
    return "\n".join(lines)


def parts_of_times(medians: pd.DataFrame) -> str:
    """Return sentences that say which parts the times of two contenders consist of.

    PyTorch with `torch.compile` has the letter d on the page: the sentences say how long compiling takes. `make repro`
    has the letter f: the sentences say how long training takes, and compare this time with the times of c and d.
    """
    ours, compiled = medians.loc["lab_make_repro"], medians.loc["pytorch_compiled"]
    side_by_side_s = medians.wall_s["pytorch_side_by_side"]
    return (
        f"In d, compiling takes {compiled.compile_s:.0f} s, in each of the two processes, with an empty cache. "
        f"In f, training takes {ours.train_s:.0f} s: it is {side_by_side_s / ours.train_s:.2f} times as fast as c, and "
        f"{compiled.wall_s / ours.train_s:.2f} times as fast as d. The other {1 - ours.train_s / ours.wall_s:.0%} are "
        f"imports, start-up, DVC, MLflow, evaluation and report. {ABOUT_THE_REST}"
    )


def text(times: pd.DataFrame) -> str:
    """Return the page, in Markdown."""
    times = last_benchmark(times)
    medians = times.groupby("contender")[[*measured.TIMES]].median()
    parts = ["# Benchmarks", ABOUT, "## Training", setting(times), table(times, medians), parts_of_times(medians)]
    return "\n\n".join([*parts, WHAT_WOULD_GAIN_MORE]) + "\n"


def write() -> None:
    """Write the page."""
    with atomic_write(PAGE) as partial:
        partial.write_text(text(measured.read()), encoding="utf-8")


if __name__ == "__main__":
    write()
