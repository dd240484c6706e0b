import pytest

from fed.client.store import HOME


@pytest.fixture(autouse=True)
def home(tmp_path_factory, monkeypatch):
    """Clients' files go to a folder of the test's own."""
    monkeypatch.setenv(HOME, str(tmp_path_factory.mktemp("home") / "clients"))
