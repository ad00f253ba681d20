import pytest
import requests
from support.builders import variant_result
from support.servers import listening, press_ctrl_c, serving

from lenet.commands import ui
from lenet.evaluation.results import save_result


@pytest.mark.slow
def test_the_ui_serves_the_workspaces_results_until_ctrl_c(client):
    save_result(variant_result("tanh_sgd", errors=[1.0]))
    with serving("commands.ui", "/health") as (address, server):
        query = {"max_results": 10}
        answer = requests.post(f"{address}/api/2.0/mlflow/experiments/search", json=query, timeout=10)
        assert "lenet5-digits" in [experiment["name"] for experiment in answer.json()["experiments"]]
        assert listening(server) == {"127.0.0.1"}
        assert press_ctrl_c(server) == 0
        with pytest.raises(requests.ConnectionError):
            requests.get(f"{address}/health", timeout=5)
        assert f"lenet5-digits: {address}/#/experiments/" in server.stdout.read()


def test_if_the_mlflow_store_is_a_server_its_address_is_printed_and_no_server_starts(workspace, monkeypatch, capsys):
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://127.0.0.1:9")
    ui.main()
    assert capsys.readouterr().out == "The MLflow store is a server with a UI of its own: http://127.0.0.1:9\n"
