"""`make growth`: how the cost of each step grows with its work, and what people wait for.

    python -m benchmarks.growth

Appends to benchmarks/growth.csv as soon as something is measured, so that it goes on where it was interrupted. Takes
about half an hour. Where nothing else is said, costs are CPU time, which other programs disturb little.
"""

import json
import shutil
import sqlite3
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import chdir, closing, contextmanager
from pathlib import Path

import numpy as np
import pandas as pd
import requests
import uvicorn
from ruamel.yaml import YAML
from support.builders import digits_of_the_test, identity, save_evaluated
from support.params import COMPARED, edit_params

from benchmarks import page
from benchmarks.bench import VARIANT, clone, trained_in
from benchmarks.measured import GROWTH, ROOT, RUN_TIMES, machine, run
from lenet import plot
from lenet.commands import pipeline, unchanged
from lenet.commands.verify import clone_of_committed_state
from lenet.evaluation.metrics import TEST_ERROR
from lenet.evaluation.study import load_study
from lenet.execution import schedule
from lenet.mnist.splits import Statistics, save_split, split_path
from lenet.network import determinism
from lenet.report import readme
from lenet.runs.files import folder_of
from lenet.runs.provenance import busy_s
from lenet.runs.store import load_provenance
from lenet.serving.app import make_app
from lenet.settings import load_settings
from lenet.tracking import pages, publish
from lenet.tracking.mlflow_store import database, open_client
from lenet.tracking.runs import Runs
from lenet.workspace import LOCK, PARAMS

STUDIES = [("seeds", size) for size in (1, 2, 4, 8, 16, 32, 64)] + [("variants", size) for size in (1, 5, 20, 100, 500)]
STORED_RUNS = (10, 100, 1_000, 10_000)
SERVED_DIGITS = (1, 10, 100, 1_000)
STAGES = ("download", "preprocess", "train", "evaluate", "plot")
# The tables of MLflow's database that hold runs, and in which columns a copied run needs a name of its own.
OWN_NAMES = dict.fromkeys(("runs", "tags", "params", "metrics", "latest_metrics"), ("run_uuid",))
OWN_NAMES["inputs"] = ("input_uuid", "destination_id")


def cost_of(step: Callable[[], object]) -> dict[str, float]:
    """Return what a step costs in this process."""
    started, cpu = time.perf_counter(), time.process_time()
    step()
    return {"cpu_s": time.process_time() - cpu, "wall_s": time.perf_counter() - started}


def cost_of_module(*arguments: str, cwd: Path, **environment: str) -> dict[str, float]:
    """Return what `python -m …` costs in that folder, with the code that is there."""
    return run([sys.executable, "-m", *arguments], cwd=cwd, PYTHONPATH="src", **environment).as_row()


def add(of: str, size: int, costs: Mapping[str, Mapping[str, float]]) -> None:
    """Keep the costs of steps, by name, that do so much work."""
    for step, cost in costs.items():
        GROWTH.add({"machine": machine(), "of": of, "size": size, "step": step, **cost})
        print(f"{size} {of}, {step}: {cost['cpu_s']:.3g} s", flush=True)


def is_known(of: str, size: int) -> bool:
    return GROWTH.has(machine=machine(), of=of, size=size)


@contextmanager
def made_up_study(variants: int, seeds: int) -> Iterator[None]:
    """Work in a clone with made-up results of a study of that size, in which no network was trained."""
    with clone_of_committed_state(ROOT) as study, chdir(study):
        names = [f"variant_{number:03}" for number in range(variants)]
        shutil.rmtree("reports")
        with edit_params() as params:
            params |= {"variants": {}, "about": {}, "seeds": list(range(seeds)), "data": {"dataset": "digits"}}
            params["comparison"] = COMPARED | {"ladder": names[:1]}
            params["base"].yaml_set_anchor("base", always_dump=True)
        lines = [f"  {name}: {{<<: *base, learning_rate: {0.01 + n / 100_000:g}}}" for n, name in enumerate(names)]
        PARAMS.write_text(PARAMS.read_text().replace("variants: {}", "\n".join(["variants:", *lines])))
        cost_of_module("dvc", "repro", "preprocess", cwd=study)
        for number, name in enumerate(names):
            save_evaluated(name, [10.0 + (number + seed) % 7 for seed in range(seeds)])
            for seed in range(seeds):
                folder_of(name, seed).mkdir(parents=True)
                (folder_of(name, seed) / "run.json").touch()
            for file in (f"metrics/{name}.json", f"curves/{name}.csv"):
                Path("reports", file).parent.mkdir(exist_ok=True)
                Path("reports", file).write_text("{}\n", encoding="utf-8")
        yield


def plan() -> None:
    """Find out which runs the store lacks, as `make repro` does before it trains."""
    settings = load_settings()
    pipeline.in_order(schedule.lacking(schedule.planned_runs(settings, list(settings.variants))), [])


def record_stages(variants: Sequence[str]) -> None:
    """Give DVC digests to compare with: those of the first variant's stages for all, in the time that one takes."""
    first = variants[0]
    ours = [f"train@{first}", f"evaluate@{first}"]
    cost_of_module("dvc", "commit", "--force", "preprocess", "plot", *ours, cwd=Path.cwd())
    yaml = YAML(typ="safe")
    lock = yaml.load(LOCK)
    of_one = json.dumps({name: lock["stages"][name] for name in ours})
    for variant in variants[1:]:
        lock["stages"] |= json.loads(of_one.replace(first, variant))
    yaml.dump(lock, LOCK)


def update_readme() -> None:
    settings = load_settings()
    readme.update_readme(readme.readme_block(load_study(settings, list(settings.variants))))


def measure_study(of: str, size: int) -> None:
    """Measure what surrounds the training of a study with so many seeds, or variants."""
    with made_up_study(*((3, size) if of == "seeds" else (size, 2))):
        planned = cost_of(plan)
        for split in ("train", "test"):
            save_split(split_path(split), digits_of_the_test())
        reported = cost_of(plot.main)
        record_stages(list(load_settings().variants))
        add(
            of,
            size,
            {
                "plan": planned,
                "report": reported,
                "README": cost_of(update_readme),
                "dvc status": cost_of_module("dvc", "status", cwd=Path.cwd()),
            },
        )


def measure_workers() -> None:
    """Measure how long four short runs on MNIST take on one worker and on two."""
    for workers in (each for each in (1, 2) if not is_known("workers", each)):
        with clone(runs=4, epochs=3, validation_size=6_000) as study:
            with edit_params(study / PARAMS) as params:
                params["compute"]["workers"] = workers
            cost = cost_of_module("dvc", "repro", f"train@{VARIANT}", cwd=study)
            add("workers", workers, {"train four runs": {**cost, "wall_s": busy_s(trained_in(study))}})


def copy_runs(path: Path, count: int) -> None:
    """Copy the runs in MLflow's database, under other names and digests, until there are about so many."""
    with closing(sqlite3.connect(path)) as connection, connection:
        (there,) = connection.execute("SELECT count(*) FROM runs").fetchone()
        connection.execute("CREATE TEMP TABLE copies (number)")
        connection.executemany("INSERT INTO copies VALUES (?)", [(each,) for each in range(1, count // there)])
        for table, own in OWN_NAMES.items():
            columns = [name for _, name, *_ in connection.execute(f"PRAGMA table_info({table})")]
            copied = [f"{name} || '-{there}-' || number" if name in own else name for name in columns]
            if table == "tags":
                copied[columns.index("value")] = f"iif(key = 'digest', value || '-{there}-' || number, value)"
            connection.execute(f"INSERT INTO {table} SELECT {', '.join(copied)} FROM {table}, copies")


def measure_store() -> None:
    """Measure publishing, finding and listing in stores of more and more runs."""
    with made_up_study(variants=1, seeds=4):
        publish.publish_all()
        runs, client, path = Runs(pages.study_experiment("digits")), open_client(), database()

        def list_variants() -> None:
            order = [f"metrics.`{TEST_ERROR}`"]
            client.search_runs([runs.experiment_id], "tags.kind = 'variant'", max_results=100, order_by=order)

        for number, size in enumerate(STORED_RUNS):
            copy_runs(path, size)
            if is_known("runs in MLflow", size):
                continue
            save_evaluated("variant_000", [20.0 + number + seed for seed in range(4)])  # not what is published
            costs = {
                "publish": cost_of(lambda: publish.publish_variant("variant_000")),
                "find by digest": cost_of(lambda: runs.find("variant_000", identity(0).digest)),
                "list": cost_of(list_variants),
            }
            add("runs in MLflow", size, costs)


def measure_serving() -> None:
    """Measure a server that is sent so many digits in a request, its client included."""
    determinism.prepare()
    from lenet.network.model import build_model, predict  # imports TensorFlow

    network = build_model(load_settings().base, Statistics("digits", 0.1, 0, {}, 40.0, 80.0))
    app = make_app(lambda digits: predict(network, digits))
    server = uvicorn.Server(uvicorn.Config(app, port=0, log_level="error"))
    thread = threading.Thread(target=server.run)
    thread.start()
    while not server.started:
        time.sleep(0.1)
    host, port = server.servers[0].sockets[0].getsockname()

    def ask(count: int) -> None:
        body = {"inputs": np.zeros((count, 28, 28), int).tolist()}
        requests.post(f"http://{host}:{port}/invocations", json=body, timeout=60).raise_for_status()

    ask(1)  # TensorFlow builds the graph
    for size in SERVED_DIGITS:
        add("digits in a request", size, {"serve": cost_of(lambda count=size: ask(count))})
    server.should_exit = True
    thread.join()


def measure_demo() -> None:
    """Measure the demo in a clone, and what follows it; then each stage alone, in the demo's workspace."""
    with clone_of_committed_state(ROOT) as checkout:
        workspace = checkout / ".demo"
        waits = {
            "make demo": cost_of_module("lenet.commands.demo", cwd=checkout),
            "make demo again": cost_of_module("lenet.commands.demo", cwd=checkout),
        }
        with edit_params(checkout / PARAMS) as params:
            params["variants"]["relu_adam"]["learning_rate"] = 0.002
        waits["make demo with one edited parameter"] = cost_of_module("lenet.commands.demo", cwd=checkout)
        stages = {}
        for stage in STAGES:
            imported = run([sys.executable, "-c", f"import lenet.{stage}"], cwd=workspace, PYTHONPATH="src")
            alone = cost_of_module(f"lenet.{stage}", cwd=workspace, DVC_STAGE=f"{stage}@tanh_sgd")
            stages |= {f"import {stage}": imported.as_row(), stage: alone}
        # Together, at the end: what was interrupted before is measured again as a whole.
        add("wait", 0, waits)
        add("stage", 0, stages)


def measure_whole_study() -> None:
    """Measure `make repro` of the whole study in a new clone, one epoch per run: the time in which no run trains."""
    with clone_of_committed_state(ROOT) as study:
        (study / LOCK).unlink()
        with edit_params(study / PARAMS) as params:
            for recipe in (params["base"], *params["variants"].values()):
                recipe["epochs"] = 1
        cost = cost_of_module("lenet.commands.repro", cwd=study)
        rest_s = cost["wall_s"] - busy_s(trained_in(study))
        add("study", 0, {"no run trains": {**cost, "wall_s": rest_s}})


def measure_done_study() -> None:
    """Measure in this checkout what people wait for where nothing changed; nothing where something did."""
    if not unchanged.is_noted():
        print("The study here is not up to date: after `make repro`, the same command measures a second one too.")
        return
    waits = {
        "make repro, nothing changed": cost_of_module("lenet.commands.repro", cwd=ROOT),
        "dvc repro, nothing changed": cost_of_module("dvc", "repro", cwd=ROOT),
    }
    add("wait", 1, waits)


def save_run_times() -> None:
    """Write how long each run of the study took, in the order in which they are trained, if the run store knows."""
    settings = load_settings()
    variants = list(settings.variants)
    runs = pipeline.in_order(schedule.planned_runs(settings, variants), variants[: pipeline.HEADLINE])
    known = [load_provenance(run.identity.digest) for run in runs]
    if all(known):
        rows = [(run.name, run.epochs, round(its.duration_s, 1)) for run, its in zip(runs, known, strict=True)]
        pd.DataFrame(rows, columns=["run", "epochs", "duration_s"]).to_csv(RUN_TIMES, index=False, lineterminator="\n")


def main() -> None:
    save_run_times()
    for of, size in STUDIES:
        if not is_known(of, size):
            measure_study(of, size)
    for measure, of, size in (
        (measure_workers, "workers", 2),
        (measure_store, "runs in MLflow", STORED_RUNS[-1]),
        (measure_whole_study, "study", 0),
        (measure_done_study, "wait", 1),
        (measure_demo, "stage", 0),
        (measure_serving, "digits in a request", SERVED_DIGITS[-1]),
    ):
        if not is_known(of, size):
            measure()
    page.write()


if __name__ == "__main__":
    main()
