from lenet.commands import ui


def test_if_the_mlflow_store_is_a_server_its_address_is_printed_and_no_server_starts(workspace, monkeypatch, capsys):
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://127.0.0.1:9")
    ui.main()
    assert capsys.readouterr().out == "The MLflow store is a server with a UI of its own: http://127.0.0.1:9\n"
