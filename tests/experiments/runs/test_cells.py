"""A cell is played once, by whoever comes first, and again if it is not what was written, or failed."""

import json
import threading
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass, field

import numpy as np
import pandas as pd
import pytest
from filelock import FileLock

from experiments.command_line.sentences import UnfinishedError
from experiments.runs import runner
from experiments.runs.cells import ROWS, Cell, cell_key, play_cells, play_missing
from markets.choices import LATER
from markets.refusals import InputError

TABLE = pd.DataFrame(
    {
        "arm": pd.array(["autarky", None, "läufe"], dtype="str"),
        "n": [1, -2, 3],
        "gain": [0.25, np.nan, -np.inf],
        "attack": [True, False, True],
        "within": pd.array([True, pd.NA, False], dtype="boolean"),
    }
)


PLAYED: list[int] = []


@pytest.fixture
def played():
    """Return what has been played, in order."""
    PLAYED.clear()
    return PLAYED


def table_of(number: int) -> pd.DataFrame:
    PLAYED.append(number)
    if number < 0:
        raise InputError("number must be at least 0; got -1")
    return TABLE.assign(number=number)


def numbered(*numbers):
    return [Cell({"number": number}, table_of, {"number": number}) for number in numbers]


def test_cells_come_back_as_they_were_and_a_second_call_plays_what_is_new(played, tmp_path, capsys):
    first = play_cells(tmp_path, numbered(1, 2))
    second = play_cells(tmp_path, numbered(3, 2, 2))
    assert played == [1, 2, 3]
    for table, number in zip([*first, *second], [1, 2, 3, 2, 2], strict=True):
        pd.testing.assert_frame_equal(table[ROWS], TABLE.assign(number=number))
    told = capsys.readouterr()
    assert told.out.splitlines()[1].endswith("2 cells, 1 finished, 1 to play")
    assert told.err == ""


def test_no_flipped_byte_gives_another_table(played, tmp_path, capsys):
    [cell] = numbered(1)
    play_cells(tmp_path, [cell])
    folder = tmp_path / "cells" / cell.key
    files = [path for path in sorted(folder.iterdir()) if path.name != ".lock"]
    assert len(files) == 4
    for turn, path in enumerate(files):
        whole = path.read_bytes()
        place = len(whole) * turn // 7
        path.write_bytes(whole[:place] + bytes([whole[place] ^ 1]) + whole[place + 1 :])
        [tables] = play_cells(tmp_path, [cell])
        pd.testing.assert_frame_equal(tables[ROWS], TABLE.assign(number=1))
        assert len(played) == turn + 2, path
        assert "1 whose records are damaged" in capsys.readouterr().out


def test_what_failed_stops_no_other_and_is_played_again(played, tmp_path, capsys):
    with pytest.raises(UnfinishedError):
        play_cells(tmp_path, numbered(1, -1, 2))
    told = capsys.readouterr().err.splitlines()
    assert "not finished: number=-1: number must be at least 0; got -1 (" in told[0]
    assert "1 of 3 cells have not finished; the same command plays them again" in told[1]
    with pytest.raises(UnfinishedError):
        play_cells(tmp_path, numbered(1, -1, 2))
    assert played == [1, -1, 2, -1]


def test_a_second_process_waits_and_plays_nothing(played, tmp_path):
    [cell] = numbered(1)
    play_cells(tmp_path, [cell])
    folder = tmp_path / "cells" / cell.key
    mark = (folder / "cell.json").read_bytes()
    assert json.loads(mark) == {"number": 1}
    (folder / "cell.json").unlink()
    second = threading.Thread(target=play_cells, args=(tmp_path, [cell]))
    with FileLock(folder / ".lock"):
        second.start()
        second.join(1)
        assert second.is_alive()
        (folder / "cell.json").write_bytes(mark)
    second.join(60)
    assert not second.is_alive()
    assert played == [1]


def test_cells_made_with_other_libraries_are_kept_with_a_warning(played, tmp_path, capsys, monkeypatch):
    play_cells(tmp_path, numbered(1))
    monkeypatch.setattr(runner, "library_versions", lambda: {"torch": "99"})
    play_cells(tmp_path, numbered(1))
    assert played == [1]
    assert "some finished cells were made with other versions (python" in capsys.readouterr().err


def test_a_process_that_dies_takes_no_other_cell_with_it(tmp_path):
    """Cells that were in flight are played again alone, and what nobody had begun at once."""
    launched = []
    planned = {tmp_path / "cells" / name: 1 for name in "abcd"}

    def launch(paths):
        for path in paths:
            launched.append(path.name)
            path.mkdir(parents=True, exist_ok=True)
            if path.name == "b":
                raise BrokenProcessPool
            (path / "summary.csv").touch()

    play_missing(tmp_path, planned, launch, shown=False)
    assert launched == ["a", "b", "c", "d", "b"]


def test_processes_share_the_work(tmp_path):
    shared = play_cells(tmp_path, numbered(5, 6), jobs=2)
    assert [tables[ROWS]["number"].unique().tolist() for tables in shared] == [[5], [6]]


def test_a_field_that_came_later_names_no_cell_anew_unless_it_is_set():
    @dataclass(frozen=True)
    class Before:
        rate: float = 0.5

    @dataclass(frozen=True)
    class After:
        rate: float = 0.5
        groups: dict = field(default_factory=dict, metadata=LATER)
        fee: float = field(default=0.0, metadata=LATER)

    assert cell_key([After()]) == cell_key([Before()]) == cell_key([After(groups={}, fee=0)])
    assert len({cell_key([one]) for one in (After(), After(groups={"a": 1}), After(fee=0.1))}) == 3
