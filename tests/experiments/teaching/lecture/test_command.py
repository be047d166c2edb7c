"""What can be asked of the command, and the sentences with which it refuses."""

import re
from pathlib import Path

import pytest

from experiments.command_line.cli import main
from experiments.teaching.lecture.clock import keep_time
from experiments.teaching.lecture.command import model_world, textbook_world
from experiments.teaching.lecture.lecture import Lecture, Stage
from tests.experiments.teaching.lecture.conftest import small_book

GUIDE = Path(__file__).parents[4] / "docs" / "lecture.md"


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["--host", "0.0.0.0"], ["--host", "192.168.1.20", "0.0.0.0"]),
        (["--host", "classroom"], ["--host", "classroom"]),
        (["--host", "192.0.2.7"], ["--host", "192.0.2.7 is not"]),
        (["setting=autarky"], ["setting", "competitive", "autarky"]),
        (["setting=cooperative"], ["setting", "independent", "cooperative"]),
        (["seed=0,1"], ["one market", "seed=0,1"]),
        (["mechanism=dutch"], ["mechanism", "dutch"]),
        (["--textbook", "buyers=0"], ["buyers", "0"]),
        (["--url", "market.example"], ["--url", "https://market.example", "market.example"]),
        (["--url", "https://a.example/class"], ["--url", "without a path"]),
        (["--url", "https://a.example:x"], ["--url"]),
        (["--url", "http://["], ["--url"]),
    ],
)
def test_what_cannot_be_a_lecture_is_refused_in_one_sentence(arguments, told, capsys):
    small = [] if "--textbook" in arguments else ["organisations=4", "network.widths=[8]"]
    assert main(["dashboard", "--lecture", "--port", "0", *arguments, *small]) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert len(captured.err.strip().splitlines()) == 1
    assert all(word in captured.err for word in told), captured.err


@pytest.mark.parametrize(
    "arguments",
    [
        ["--host", "192.0.2.7"],
        ["--textbook"],
        ["organisations=4"],
        ["--proxy-headers"],
        ["--url", "http://a"],
    ],
)
def test_the_options_of_a_lecture_need_a_lecture(arguments, capsys):
    with pytest.raises(SystemExit, match="2"):
        main(["dashboard", *arguments])
    assert "Traceback" not in capsys.readouterr().err


def test_the_markets_that_the_guide_suggests_exist():
    row = r"^\| `(?:…|parabourse dashboard --lecture) ?(.*?)` \|"
    suggested = re.findall(row, GUIDE.read_text(encoding="utf-8"), re.MULTILINE)
    assert len(suggested) > 5
    for line in suggested:
        overrides = line.removeprefix("--textbook").split()
        if line.startswith("--textbook"):
            assert textbook_world(overrides).organisations == 16
        else:
            assert model_world(overrides).config.broker.shortlist == 4


def test_a_textbook_market_is_one_market():
    world = textbook_world(["buyers=6", "sellers=4", "mechanism=mcafee", "seed=5"])
    assert (world.organisations, world.config.markets, world.streams.seed) == (10, 1, 5)


def test_a_round_that_cannot_be_played_ends_the_lecture_and_says_why(monkeypatch):
    lecture = Lecture(small_book())

    def fail():
        raise ValueError("no memory is left.")

    monkeypatch.setattr(lecture, "advance", fail)
    with pytest.raises(ValueError, match="memory"):
        keep_time(lecture)
    assert (lecture.stage, lecture.trouble) == (Stage.BROKEN, "no memory is left")
