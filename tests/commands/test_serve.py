import numpy as np
import pytest
import requests
from support.builders import identity, seed_result, variant_result
from support.params import edit_params
from support.servers import free_port, listening, press_ctrl_c, serving

from lenet.commands import serve
from lenet.errors import LabError
from lenet.evaluation.results import save_result
from lenet.runs.files import folder_of, run_files, write_files


@pytest.mark.slow
def test_without_a_champion_the_server_is_refused_with_a_hint(client, monkeypatch):
    monkeypatch.setenv("PORT", str(free_port()))
    monkeypatch.setattr(serve.determinism, "prepare", lambda: None)
    with pytest.raises(LabError, match=r"mlflow\.db has no champion of lenet5 yet: run `make repro`, which"):
        serve.main()


@pytest.fixture
def champion(client, workspace, digits, statistics, recipe):
    """A network trained for two epochs. The results contain no other run, so this network becomes the champion."""
    from lenet.network import determinism

    determinism.prepare()
    from lenet.mnist.splits import Split
    from lenet.network.model import load_model
    from lenet.runs.files import find_run
    from lenet.training.one_run import train_run

    with edit_params() as params:
        params["data"]["dataset"] = "digits"
    validation = Split(digits.images[100:], digits.labels[100:])
    trained = train_run(recipe, statistics, 0, digits, validation, lambda epoch, metrics: None)
    write_files(folder_of("tanh_sgd", 0), run_files(identity(), trained))
    save_result(variant_result("tanh_sgd", errors=[seed_result().metrics["test/error_percent"]]))
    (workspace / "reports/draw.html").write_text("a page to draw on")
    run = find_run("tanh_sgd", identity())
    return load_model(run.architecture, run.weights)


@pytest.mark.slow
def test_the_champion_answers_images_until_ctrl_c(champion, digits):
    from lenet.network.model import make_predictor

    images = digits.images[:3]
    with serving("commands.serve", "/ping") as (address, server):
        assert requests.get(address, timeout=60).text == "a page to draw on"
        assert listening(server) == {"127.0.0.1"}
        answer = requests.post(f"{address}/invocations", json={"inputs": images.tolist()}, timeout=60)
        assert answer.status_code == 200
        np.testing.assert_allclose(answer.json()["predictions"], make_predictor(champion)(images), atol=1e-5)
        assert press_ctrl_c(server) == 0
        printed = server.stderr.read()
        assert "tanh_sgd seed 0 is the champion: version 1 of lenet5-digits" in printed
        assert "Traceback" not in printed
