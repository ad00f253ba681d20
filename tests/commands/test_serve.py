import pytest
from support.servers import free_port

from lenet.commands import serve
from lenet.errors import LabError


@pytest.mark.slow
def test_without_a_champion_the_server_is_refused_with_a_hint(client, monkeypatch):
    monkeypatch.setenv("PORT", str(free_port()))
    monkeypatch.setattr(serve.determinism, "prepare", lambda: None)
    with pytest.raises(LabError, match=r"mlflow\.db has no champion of lenet5 yet: run `make repro`, which"):
        serve.main()
