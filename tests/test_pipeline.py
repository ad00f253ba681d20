"""The real pipeline on the bundled digits, from download to MLflow, report, server and browser.

`make repro` was started three times. The first was ended by closing its terminal, the second was killed, and the third
finished.
"""

import json
import re
import signal

import mlflow
import numpy as np
import requests
from ruamel.yaml import YAML
from support.browsers import browser, opened  # noqa: F401  # pytest finds fixtures by name
from support.pipelines import VARIANTS, stages_run, trained_runs
from support.servers import listening, press_ctrl_c, serving

from lenet.evaluation.predictions import load_predictions
from lenet.mnist.splits import load_split

STAGES = {"download", "preprocess", "plot"} | {
    f"{stage}@{name}" for stage in ("train", "evaluate") for name in VARIANTS
}


def test_closing_the_terminal_leaves_nothing_half_written_and_a_kill_loses_no_finished_run(pipeline):
    closed, killed = pipeline.interruptions
    assert (closed.status, killed.status) == (128 + signal.SIGHUP, -signal.SIGKILL)
    assert "Traceback" not in closed.stderr
    assert closed.half_written == []
    assert "6 runs to train here: less than a minute. You may press Ctrl-C: finished runs are kept." in closed.stdout
    assert re.search(r"Finished runs, errors in percent.* [12] of 2 ", closed.stdout, re.DOTALL)
    assert 1 <= closed.entries < killed.entries < 6
    assert trained_runs(pipeline.last_repro) == 6 - killed.entries
    assert pipeline.partial_files() == []


def test_make_repro_runs_every_stage(pipeline):
    assert set(YAML(typ="safe").load(pipeline.lock())["stages"]) == STAGES


def test_there_is_no_figure_of_distortions_because_no_variant_distorts(pipeline):
    assert (pipeline.path / "reports/figures/inside.png").exists()
    assert not (pipeline.path / "reports/figures/distortions.png").exists()
    assert "Distorted images" not in (pipeline.path / "reports/index.html").read_text()


def test_dvc_repro_ignores_byte_code_and_an_editors_files(pipeline):
    room = pipeline.path / "src/lenet/network"
    (room / "__pycache__").mkdir(exist_ok=True)
    untracked_files = [room / "__pycache__/model.cpython-311.pyc", room / ".model.py.swp", room / "model.py~"]
    for file in untracked_files:
        file.touch()
    done = pipeline.dvc("repro")
    assert stages_run(done) == []
    assert "Data and pipelines are up to date." in done.stdout
    assert "dvc push" not in pipeline.last_repro.stdout
    for file in untracked_files:
        file.unlink()


def test_a_second_make_repro_runs_no_stage_and_does_not_import_tensorflow(pipeline, tmp_path):
    (tmp_path / "broken").mkdir()
    (tmp_path / "broken/tensorflow.py").write_text("raise SystemExit('imported')")
    environment = {"PYTHONPATH": f"{tmp_path / 'broken'}:src", "PYTHONIOENCODING": "ascii"}
    done = pipeline.run("python", "-m", "lenet.commands.repro", **environment)
    assert stages_run(done) == []
    assert "relu_adam" in done.stdout
    assert pipeline.git("status", "--porcelain") == ""


def test_mlflow_has_one_finished_run_per_variant_and_per_seed_and_a_model_per_seed(pipeline):
    names = sorted(name for variant in VARIANTS for name in (variant, f"{variant} seed 0", f"{variant} seed 1"))
    assert pipeline.statuses() == [(name, "FINISHED") for name in names]
    for run in pipeline.runs():
        assert "test/error_percent" in run.data.metrics
        assert bool(run.outputs.model_outputs) == (run.data.tags["kind"] == "seed")


def test_terminal_and_readme_show_the_same_comparison(pipeline):
    readme = (pipeline.path / "README.md").read_text()
    for variant in VARIANTS:
        error = json.loads((pipeline.path / f"reports/metrics/{variant}.json").read_text())["test_error_percent"]
        assert f"| `{variant}` |" in readme
        assert f"{100 - error:.2f} %" in readme
        assert f"{error:.2f}" in pipeline.last_repro.stdout
    assert "is the champion: version 1 of lenet5-digits" in pipeline.last_repro.stderr


def test_make_serve_serves_the_champion(pipeline, monkeypatch):
    monkeypatch.chdir(pipeline.path)
    client = mlflow.MlflowClient(f"sqlite:///{pipeline.path / 'mlflow.db'}")
    champion = client.get_model_version_by_alias("lenet5-digits", "champion").tags
    evaluated = load_predictions(champion["variant"]).probabilities[int(champion["seed"]), :3]
    images = load_split("test").images[:3]
    with serving("commands.serve", "/ping") as (address, server):
        assert listening(server) == {"127.0.0.1"}
        answer = requests.post(f"{address}/invocations", json={"inputs": images.tolist()}, timeout=60)
        np.testing.assert_allclose(answer.json()["predictions"], evaluated, atol=1e-5)
        assert "canvas" in requests.get(address, timeout=60).text
        assert press_ctrl_c(server) == 0
        assert "Traceback" not in server.stderr.read()


def test_a_browser_opens_the_report_and_reads_a_digit(pipeline, opened):  # noqa: F811
    page, complaints = opened(pipeline.path / "reports/index.html")
    assert page.get_by_role("heading", level=1).is_visible()
    for variant in VARIANTS:
        assert page.get_by_text(variant, exact=True).first.is_visible()
    page.goto((pipeline.path / "reports/draw.html").as_uri())
    page.get_by_role("button", name=re.compile(r", class \d$")).first.click()
    page.wait_for_function(
        "[...document.querySelectorAll('.network .answer')].every(each => /\\d/.test(each.textContent))"
    )
    assert complaints == []
