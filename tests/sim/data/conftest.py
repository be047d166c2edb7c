import pytest


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """Data are named from the folder of the command."""
    monkeypatch.chdir(tmp_path)
    return tmp_path
