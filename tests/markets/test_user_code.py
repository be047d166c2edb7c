"""A user's own code: found from the command's folder, executed once, with its own traceback."""

import hashlib
import sys
import traceback

import pytest

from markets.refusals import InputError
from markets.user_code import _BY_FILE, UserCodeError, called, digest_of, imported, loaded

MINE = """
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

import beside

with Path("times").open("a") as file:
    file.write("x")


@dataclass
class Made:
    size: "ClassVar[int]" = 3

    @staticmethod
    def make():
        return beside.NUMBER


def fails():
    return Path("no such file").read_text()
"""


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """A folder with a file, a package that holds the same, and code that fails."""
    (tmp_path / "lab").mkdir()
    for path, text in {
        "lab/__init__.py": "",
        "lab/mine.py": MINE,
        "beside.py": "NUMBER = 7",
        "broken.py": "raise FileNotFoundError(2, 'gone', 'weights.bin')",
        "needs.py": "import a_library_that_is_missing",
    }.items():
        (tmp_path / path).write_text(text)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", list(sys.path))
    before, files = set(sys.modules), dict(_BY_FILE)
    yield tmp_path
    for name in set(sys.modules) - before:
        del sys.modules[name]
    _BY_FILE.clear()
    _BY_FILE.update(files)


@pytest.mark.parametrize("first", ["./lab/mine.py", "lab.mine"])
def test_code_is_executed_once_however_it_is_named(folder, first):
    again = [first, "lab/mine.py", str(folder / "lab" / "mine.py"), "lab.mine", "./lab/../lab/mine.py"]
    modules = [imported(where, "plugins") for where in again]
    assert all(module is modules[0] for module in modules)
    assert (folder / "times").read_text() == "x"
    assert loaded(f"{first}:Made", "data.factory") is modules[0].Made
    assert loaded(f"{first}:Made.make", "data.factory")() == 7
    assert digest_of(f"{first}:Made") == hashlib.sha256(MINE.encode()).hexdigest() == digest_of(first)


def test_a_file_of_the_users_hides_no_library(folder):
    (folder / "json.py").write_text("NUMBER = 1")
    import json

    assert imported("json", "plugins") is json
    assert imported("./json.py", "plugins").NUMBER == 1


@pytest.mark.parametrize(
    ("spec", "told"),
    [
        ("./mine.py", r"f must be a file and a name in it, .*; got '\./mine\.py'"),
        ("./mine.py:", "f must be a file and a name in it"),
        (":make", "f must be a file and a name in it"),
        ("./absent.py:make", r"f must name a \.py file that exists, from /.*; got '\./absent\.py'"),
        ("./lab:make", r"f must name a \.py file that exists"),
        ("absent:make", r"f must name a module that .*; got 'absent', and there is no absent"),
        ("lab.absent:make", r"got 'lab\.absent', and there is no lab\.absent"),
        ("beside.deeper:make", r"got 'beside\.deeper', and there is no beside\.deeper"),
        ("..beside:make", "f must name a module that"),
        (
            "./lab/mine.py:Maid",
            r"must name something that is in \./lab/mine\.py; got 'Maid': did you mean Made",
        ),
        ("lab.mine:Made.other", r"f must name something that is in lab\.mine; got 'Made\.other'"),
    ],
)
def test_what_is_not_there_is_told_in_a_sentence(folder, spec, told):
    with pytest.raises(InputError, match=told):
        loaded(spec, "f")


@pytest.mark.parametrize(
    ("where", "line"),
    [("./broken.py", "gone"), ("broken", "gone"), ("needs", "a_library"), ("./needs.py", "a_library")],
)
def test_what_the_users_code_raises_has_its_traceback(folder, where, line):
    """Not a sentence, though a missing file is one elsewhere; and it is executed anew the next time."""
    for _ in range(2):
        with pytest.raises(UserCodeError, match=rf"the code of plugins={where} raised .*{line}") as caught:
            imported(where, "plugins")
        assert f'{where.strip("./").removesuffix(".py")}.py", line 1' in "".join(
            traceback.format_exception(caught.value)
        )


def test_what_a_users_function_raises_has_its_traceback_but_for_its_own_sentences(folder):
    fails = loaded("lab.mine:fails", "f")
    with pytest.raises(UserCodeError, match=r"the code of f=lab\.mine:fails raised FileNotFoundError"):
        called(fails, field="f", spec="lab.mine:fails")

    def refuses():
        raise InputError("size must be even; got 3")

    with pytest.raises(InputError, match="size must be even"):
        called(refuses, field="f", spec="x")
