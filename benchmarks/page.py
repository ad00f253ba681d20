"""Write docs/benchmarks.md and its figure from what was measured.

python -m benchmarks.page
"""

from collections.abc import Iterable, Iterator

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from benchmarks.measured import EPOCH, GROWTH, ROOT, RUN_TIMES, TRAINING
from benchmarks.schedule import makespan_s
from lenet.workspace import written_whole

PAGE = ROOT / "docs/benchmarks.md"
FIGURE = ROOT / "docs/benchmarks.png"
CONTENDERS = {
    "keras_fit": "Keras, `fit` as in tutorials, one run after another",
    "pytorch": "PyTorch, two threads, one run after another",
    "pytorch_side_by_side": "PyTorch, one thread, two runs side by side",
    "pytorch_compiled": "the same with `torch.compile`, compiling included",
    "lab_epochs": "this project, its epochs alone, two runs side by side",
    "lab_make_repro": "this project, `make repro` in a new clone, everything included",
    "machine_limit": "limit: the network's arithmetic at the speed of both cores",
}
# Targets. At least so many times as long as `make repro` (f) does each of these take:
FASTER = {"keras_fit": 3.0, "pytorch": 2.1, "pytorch_side_by_side": 1.8, "pytorch_compiled": 1.8}
# At most: e in multiples of g, the share of time beside training, a slope, seconds.
MOST_TIMES_THE_LIMIT, MOST_BESIDE_TRAINING, MOST_SLOPE = 1.6, 0.08, 1.1
MOST_S = {"make repro, nothing changed": 3, "make demo": 60}
# A study for a cluster: its variants, its seeds, and numbers of workers.
LARGE = (1_000, 10)
LARGE_WORKERS = (16, 128, 1_024)
# Of the largest sizes, so many tell the slope: costs that do not grow hide it in small ones.
FITTED = 3
# Kinds of operations that take less of an epoch are not told apart.
LEAST_SHARE = 0.015
WORKERS = (1, 2, 4, 8, 16, 32, 64)  # and as many as there are runs
ABOUT = """\
Measured by `make bench` (two hours on two idle cores) and `make growth` (half an hour); this page is written from
`benchmarks/*.csv`. Each time is kept as soon as it is known, so an interrupted measurement goes on where it was. To
start over, remove the CSV file. PyTorch is installed into `.bench/`, an environment of its own."""
# What profiles (py-spy) show where a cost grows faster than its work.
WHY = """\
`dvc status` grows faster than the number of variants, because DVC parses the whole of `params.yaml` again for each
stage. A study of many variants is best split over several checkouts, which can share a tracking server."""
WHY_THE_DEMO = """\
`make demo` takes {cpu_s:.0f} s of CPU time, which two cores cannot do in a minute: nine trainings, six of them with a
TensorFlow graph of their own, the compilation of the training of 1998, and each program's imports."""
WHY_NOT_AS_FAST = (
    "Most of the rest is one core's work: TensorFlow, MLflow and Matplotlib are imported by one program after another, "
    "to train, to evaluate and to report. With more seeds or epochs, it matters less."
)
WHY_NOT_THE_LIMIT = (
    "oneDNN comes near the speed of large matrix products only where there are many channels: C1 has one in and six "
    "out, C3 six in and sixteen out."
)
# What would gain more, but trains every run of the study anew, because it edits code that decides a run's bits.
IDEAS = """\
- **Numba's cache**: it is filed under the path and date of the source, so that every clone and every temporary
  workspace compiles the training of 1998 again: 27 s. Filed under the source's digest, it could be shared.
- **One graph for all seeds**: TensorFlow traces and optimizes the same network once for each run. The first epoch of a
  run shows what that takes: `make repro` above less its epochs."""


def slope(sizes: np.ndarray, costs: np.ndarray) -> float:
    """Return the slope of the logarithms at the largest sizes: 1 where cost is proportional to work."""
    return float(np.polyfit(np.log(sizes[-FITTED:]), np.log(costs[-FITTED:]), 1)[0])


def of_last_machine(measured: pd.DataFrame) -> pd.DataFrame:
    """Return the rows of the last machine in the table."""
    return measured[measured.machine.isin(measured.machine.tail(1))]


def last_benchmark(training: pd.DataFrame) -> pd.DataFrame:
    """Return the rows of the last machine and amount of work in the table."""
    return training.merge(training[["machine", "digits", "runs", "epochs"]].tail(1))


def medians(training: pd.DataFrame) -> pd.DataFrame:
    """Return the median of each contender's times."""
    return training.groupby("contender")[["wall_s", "train_s", "compile_s"]].median().reindex(CONTENDERS)


def verdict(met: bool) -> str:
    return "met" if met else "**missed**"


def table(header: str, rows: Iterable[tuple[object, ...]]) -> str:
    """Return a table in Markdown; its first column is text, the others are numbers."""
    columns = header.count("|") + 1
    lines = [f"| {header} |", f"|---|{'---:|' * (columns - 1)}", *(f"| {' | '.join(map(str, row))} |" for row in rows)]
    return "\n".join(lines)


def of_training(training: pd.DataFrame) -> Iterator[str]:
    """Yield the paragraphs on the time that training takes."""
    last, found, rounds = training.iloc[-1], medians(training), training["round"].max()
    ours, limit = found.wall_s["lab_make_repro"], found.wall_s["machine_limit"]
    yield (
        f"{last.machine}. {last.runs} runs of {last.epochs} epochs of {last.digits:,} digits: LeNet-5 with 61,706 "
        "parameters, average pooling, tanh, SGD in batches of 32, validated after each epoch. Times are those of whole "
        f"processes, imports included, but for e and g; {f'medians of {rounds} rounds' if rounds > 1 else 'one round'} "
        "in which all take turns."
    )

    def rows() -> Iterator[tuple[object, ...]]:
        for letter, (name, what) in zip("abcdefg", CONTENDERS.items(), strict=True):
            seconds, timed = found.wall_s[name], training[training.contender == name].wall_s
            ratio, target = f"{seconds / ours:.2f}", ""
            if name in FASTER:
                target = f"≥ {FASTER[name]}: {verdict(seconds / ours >= FASTER[name])}"
            elif name == "lab_epochs":
                times = seconds / limit
                target = f"≤ {MOST_TIMES_THE_LIMIT} × g: {times:.2f}, {verdict(times <= MOST_TIMES_THE_LIMIT)}"
            yield f"{letter}) {what}", f"{seconds:.0f} s", f"{timed.min():.0f}–{timed.max():.0f} s", ratio, target

    yield table("what | time | least–most | time / f | target", rows())
    compiling, trained = found.compile_s["pytorch_compiled"], found.train_s["lab_make_repro"]
    side_by_side, compiled = (found.wall_s[f"pytorch_{how}"] / trained for how in ("side_by_side", "compiled"))
    yield (
        f"Of d, compiling takes {compiling:.0f} s, once in each of the two processes, with an empty cache. Of f, "
        f"{trained:.0f} s are training: {side_by_side:.2f} times as fast as c, and {compiled:.2f} times as fast as d. "
        f"{WHY_NOT_AS_FAST}"
    )


def of_an_epoch(epoch: pd.DataFrame) -> str:
    """Return which operations take the time of an epoch, and how long its arithmetic alone takes."""
    parts = epoch.set_index("part").seconds
    kinds = parts.drop(["epoch", "limit", "limit with AVX2"]).sort_values(ascending=False)
    all_s, convolutions_s = kinds.sum(), kinds[kinds.index.str.startswith("Conv2D")].sum()
    kinds = kinds[kinds >= LEAST_SHARE * all_s]
    rows = [(f"`{kind}`", f"{seconds:.2f} s", f"{seconds / all_s:.0%}") for kind, seconds in kinds.items()]
    others_s = all_s - kinds.sum()
    rows.append(("all others", f"{others_s:.2f} s", f"{others_s / all_s:.0%}"))
    return (
        f"An epoch of one run beside another took {parts['epoch']:.2f} s, validation included. Of the next one, "
        f"TensorFlow's profiler counts {all_s:.2f} s in operations, {convolutions_s / all_s:.0%} of them in "
        f"convolutions:\n\n{table('operation | time | share', rows)}\n\nAs large matrix products, the same "
        f"arithmetic takes {parts['limit']:.2f} s of one core, and {parts['limit with AVX2']:.2f} s with instructions "
        f"no wider than AVX2: wider ones would give other bits on other processors. {WHY_NOT_THE_LIMIT}"
    )


def of_the_rest(training: pd.DataFrame, growth: pd.DataFrame, run_times: pd.Series) -> str:
    """Return which share of time no run trains: of one variant alone, and of the whole study."""
    ours, study_s = medians(training).loc["lab_make_repro"], makespan_s(run_times, 2)
    told = (
        "What is not training (imports, start-up, DVC, MLflow, evaluation, report) takes "
        f"{1 - ours.train_s / ours.wall_s:.0%} of f, one variant alone."
    )
    rest = growth[growth.of == "study"].wall_s
    if not len(rest):
        return told
    rest_s = rest.iloc[-1]
    share = rest_s / (rest_s + study_s)
    return (
        f"{told} Of the whole study, whose runs take {study_s / 60:.0f} minutes on two workers, it takes {share:.1%}: "
        f"{rest_s:.0f} s in which no run trains (target: below {MOST_BESIDE_TRAINING:.0%}, "
        f"{verdict(share < MOST_BESIDE_TRAINING)})."
    )


def of_workers(run_times: pd.Series, growth: pd.DataFrame) -> str:
    """Return the simulated table, and what was measured on one worker and on two."""
    alone = makespan_s(run_times, 1)
    rows = (
        (workers, f"{(took := makespan_s(run_times, workers)) / 60:.1f} min", f"{alone / took:.1f}")
        for workers in (*WORKERS, len(run_times))
    )
    simulated = table("workers | training | times as fast", rows)
    measured = growth[growth.of == "workers"].groupby("size").wall_s.last()
    if len(measured) < 2:
        return simulated
    faster = measured[1] / measured[2]
    return f"{simulated}\n\nMeasured: four short runs are {faster:.2f} times as fast on two workers as on one."


def of_a_large_study(run_times: pd.Series, growth: pd.DataFrame) -> str:
    """Return what a study for a cluster costs: its training, if its runs take as long as these, and what is around."""
    variants, seeds = LARGE
    times = np.sort(np.resize(run_times, variants * seeds))[::-1]
    rows = (
        (f"{workers:,}", f"{makespan_s(times, workers) / 3600:.1f} h", f"{times.sum() / workers / 3600:.1f} h")
        for workers in LARGE_WORKERS
    )
    told = (
        f"A study of {variants:,} variants × {seeds} seeds, whose runs take as long as those of this study "
        f"({times.mean():.0f} s on average), costs {times.sum() / 3600:,.0f} core hours of training:"
    )
    parts = [told, table("workers | training | work / workers", rows)]
    around = growth[growth.of == "variants"]
    if len(around):
        largest = around[around["size"] == around["size"].max()]
        each_s = largest.cpu_s.sum() / largest["size"].iloc[0]
        parts.append(
            f"Planning, `dvc status`, the report and the README take {variants * each_s / 60:.0f} minutes more, on the "
            f"machine that runs the command: {each_s:.2f} s per variant, as measured for {largest['size'].iloc[0]}. It "
            "also evaluates each variant, one after the other."
        )
    return "\n\n".join(parts)


def _rounded(seconds: float) -> str:
    return f"{seconds:,.0f}" if seconds >= 10 else f"{seconds:.2g}"


def of_growth(growth: pd.DataFrame) -> str:
    """Return the table of slopes, over all steps that were measured at several sizes."""

    def rows() -> Iterator[tuple[object, ...]]:
        for (of, step), each in growth.groupby(["of", "step"], sort=False):
            if len(each) > FITTED:
                small, large, found = each.iloc[0], each.iloc[-1], slope(each["size"].to_numpy(), each.cpu_s.to_numpy())
                costs = (f"{_rounded(row.cpu_s)} s at {row['size']:,}" for row in (small, large))
                yield f"{step}, by {of}", *costs, f"{found:.2f}", verdict(found <= MOST_SLOPE)

    return table(f"step | least | most | slope | ≤ {MOST_SLOPE}", rows())


def of_waits(growth: pd.DataFrame) -> str:
    def rows() -> Iterator[tuple[object, ...]]:
        for row in growth[growth.of == "wait"].itertuples():
            most = MOST_S.get(row.step)
            yield row.step, f"{row.wall_s:.1f} s", f"below {most} s: {verdict(row.wall_s < most)}" if most else ""

    waits = table("what a person waits for | time | target", rows())
    demo = growth[growth.step == "make demo"].tail(1)
    return "\n\n".join([waits, *(WHY_THE_DEMO.format(cpu_s=row.cpu_s) for row in demo.itertuples())])


def of_stages(growth: pd.DataFrame) -> str:
    stages = growth[growth.of == "stage"].set_index("step")
    rows = (
        (f"`{step}`", f"{stages.cpu_s[f'import {step}']:.1f} s", f"{row.cpu_s:.1f} s", f"{row.peak_mib:.0f} MiB")
        for step, row in stages.iterrows()
        if f"import {step}" in stages.index
    )
    return table("stage, on the demo's digits | its imports | all of it | peak memory", rows)


def draw(growth: pd.DataFrame, run_times: pd.Series) -> Figure:
    """Draw cost against work, a panel for each kind of work, and the study's time against the number of workers."""
    kinds = [of for of in growth.of.unique() if growth[growth.of == of]["size"].nunique() > FITTED]
    figure = Figure(figsize=(11, 6), layout="constrained")
    panels = figure.subplots(2, 3).ravel()
    for panel, kind in zip(panels, kinds, strict=False):
        for step, each in growth[growth.of == kind].groupby("step", sort=False):
            panel.loglog(each["size"], each.cpu_s, "o-", label=step)
        panel.set(xlabel=kind, ylabel="CPU time (s)")
        panel.legend(fontsize="small")
    for spare in panels[len(kinds) : -1]:
        spare.remove()
    if len(run_times):
        workers = np.arange(1, len(run_times) + 1)
        panels[-1].loglog(workers, [makespan_s(run_times, each) / 60 for each in workers], label="simulated")
        panels[-1].loglog(workers, run_times.sum() / 60 / workers, ":", label="work / workers")
        panels[-1].set(xlabel="workers", ylabel="training (min)")
        panels[-1].legend(fontsize="small")
    return figure


def text(training: pd.DataFrame, epoch: pd.DataFrame, growth: pd.DataFrame, run_times: pd.Series) -> str:
    """Return the page, in Markdown; what was not measured is left out."""
    parts = ["# Benchmarks", ABOUT]
    if len(training):
        training = last_benchmark(training)
        parts += ["## Training", *of_training(training)]
        if len(run_times):
            parts.append(of_the_rest(training, growth, run_times))
        if len(epoch):
            parts += ["### Where an epoch's time goes", of_an_epoch(epoch)]
    if len(run_times):
        about = "Simulated from how long each run of the study took on two workers: a free worker begins the next run."
        parts += ["## Workers", about, of_workers(run_times, growth)]
        parts += ["### A thousand variants", of_a_large_study(run_times, growth)]
    if len(growth):
        about = (
            f"{growth.machine.iloc[-1]}. CPU time against work. The slope is that of the logarithms at the three "
            "largest sizes: 1 where twice the work costs twice as much. Studies and runs are made up: no network was "
            "trained for this."
        )
        parts += ["## Growth", "![Cost against work, and training against workers](benchmarks.png)", about]
        parts += [of_growth(growth), WHY, "## Waiting", of_waits(growth), of_stages(growth)]
    return "\n\n".join([*parts, "## What would gain more", "These edits would train every run anew:", IDEAS]) + "\n"


def write() -> None:
    """Write the page and its figure from the tables of measurements."""
    training, epoch, growth = TRAINING.read(), of_last_machine(EPOCH.read()), of_last_machine(GROWTH.read())
    run_times = pd.read_csv(RUN_TIMES, index_col="run")["duration_s"] if RUN_TIMES.is_file() else pd.Series(dtype=float)
    if len(growth):
        with written_whole(FIGURE) as partial:
            draw(growth, run_times).savefig(partial, format="png", dpi=110, metadata={"Software": None})
    with written_whole(PAGE) as partial:
        partial.write_text(text(training, epoch, growth, run_times), encoding="utf-8")


if __name__ == "__main__":
    write()
