"""The manifest says from which commit a run came."""

import subprocess

import pytest

from experiments.runs import commits


def git(folder, *command):
    who = ["-c", "user.name=a", "-c", "user.email=a@example.org"]
    return subprocess.run(
        ["git", *who, *command], cwd=folder, check=True, capture_output=True, text=True
    ).stdout


@pytest.fixture
def repository(tmp_path, monkeypatch):
    """Return a repository with one commit and a tag, in which this process stands."""
    monkeypatch.chdir(tmp_path)
    git(tmp_path, "init")
    (tmp_path / "mine.py").write_text("bid = 1")
    git(tmp_path, "add", ".")
    git(tmp_path, "commit", "-m", "mine")
    git(tmp_path, "tag", "-a", "v1", "-m", "v1")
    return tmp_path


def test_a_commit_is_told_and_whether_files_differ_from_it(repository):
    head = git(repository, "rev-parse", "HEAD").strip()
    assert commits.commits()["folder"] == head
    (repository / "mine.py").write_text("bid = 2")
    assert commits.commits()["folder"] == f"{head}-dirty"


def test_what_lies_in_a_repository_and_is_not_part_of_it_has_no_commit(repository, monkeypatch):
    package = repository / "venv" / "experiments"
    package.mkdir(parents=True)
    (package / "commits.py").write_text("")
    monkeypatch.setattr(commits, "HERE", package.parent)
    monkeypatch.setattr(commits, "__file__", str(package / "commits.py"))
    assert commits.commits()["parabourse"] is None


def test_without_a_repository_or_git_there_is_no_commit(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert commits.commits()["folder"] is None
    monkeypatch.setenv("PATH", str(tmp_path))
    assert commits.commits() == {"parabourse": None, "folder": None}


def test_no_program_that_a_repository_names_is_started(repository):
    git(repository, "config", "core.fsmonitor", "touch started; false")
    commits.commits()
    assert not (repository / "started").exists()
