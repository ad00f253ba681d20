import json

import numpy as np
import pytest
import requests
from support.builders import identity, seed_result, variant_result
from support.params import edit_params
from support.paths import ROOT
from support.servers import free_port, listening, press_ctrl_c, serving

from lenet.commands import serve
from lenet.errors import LabError
from lenet.evaluation.results import save_result
from lenet.runs.files import folder_of, run_files, write_files

DIGIT = json.loads((ROOT / "digit.json").read_text())["inputs"][0]


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


def with_pixel(value):
    return [[value, *DIGIT[0][1:]], *DIGIT[1:]]


@pytest.mark.slow
def test_the_champion_answers_images_and_refuses_other_requests_until_ctrl_c(champion, digits):
    from lenet.network.model import make_predictor

    with serving("commands.serve", "/ping") as (address, server):

        def post(body, content_type="application/json"):
            text = body if isinstance(body, str) else json.dumps(body)
            headers = {"Content-Type": content_type} if content_type else {}
            return requests.post(f"{address}/invocations", data=text.encode(), headers=headers, timeout=60)

        assert requests.get(address, timeout=60).text == "a page to draw on"
        assert requests.get(address, headers={"Host": "evil.example"}, timeout=60).status_code == 403
        assert listening(server) == {"127.0.0.1"}
        answer = post({"inputs": digits.images[:3].tolist()})
        assert answer.status_code == 200
        np.testing.assert_allclose(answer.json()["predictions"], make_predictor(champion)(digits.images[:3]), atol=1e-5)

        refused = {
            "the body is not JSON": post("hello"),
            'the body is {"digits": [[': post({"digits": [DIGIT]}),
            "the body is [[[": post([DIGIT]),
            "inputs is []": post({"inputs": []}),
            "inputs[0] is [[0, 0, 0": post({"inputs": [DIGIT[:27]]}),
            'inputs[0][0][0] is "seven"': post({"inputs": [with_pixel("seven")]}),
            "inputs[0][0][0] is -1": post({"inputs": [with_pixel(-1)]}),
            "inputs[0][0][0] is 256": post({"inputs": [with_pixel(256)]}),
            "inputs[0][0][0] is 0.5": post({"inputs": [with_pixel(0.5)]}),
            "content type missing": post({"inputs": [DIGIT]}, content_type=None),
            "content type text/csv": post("1,2", content_type="text/csv"),
        }
        for reason, response in refused.items():
            assert (response.status_code, response.json()["message"].startswith(reason)) == (400, True), reason

        assert post({"inputs": [DIGIT]}).status_code == 200  # the refused requests did no harm
        assert press_ctrl_c(server) == 0
        printed = server.stderr.read()
        assert "tanh_sgd seed 0 is the champion: version 1 of lenet5-digits" in printed
        assert "Traceback" not in printed
