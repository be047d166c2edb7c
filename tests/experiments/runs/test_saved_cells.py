"""A cell that is not what was written is played again, wherever its file was damaged."""

import numpy as np
import pandas as pd
import pytest

from experiments.runs.saved_cells import Cell, is_saved, play_missing, read_cell, save_cell
from sim.records.tables import RecordError

ROWS = pd.DataFrame(
    {
        "arm": pd.array(["autarky", None, "läufe"], dtype="str"),
        "n": [1, -2, 3],
        "gain": [0.25, np.nan, -np.inf],
        "attack": [True, False, True],
    }
)


def test_a_cell_comes_back_as_it_was(tmp_path):
    save_cell(tmp_path / "cell.parquet", ROWS)
    pd.testing.assert_frame_equal(read_cell(tmp_path / "cell.parquet"), ROWS)


def test_no_flipped_byte_gives_other_rows(tmp_path):
    path = tmp_path / "cell.parquet"
    save_cell(path, ROWS)
    whole, caught = path.read_bytes(), 0
    for place in range(0, len(whole), 37):
        path.write_bytes(whole[:place] + bytes([whole[place] ^ 1 << place % 8]) + whole[place + 1 :])
        if is_saved(path):  # Not every byte of a file bears on what is read.
            pd.testing.assert_frame_equal(read_cell(path), ROWS)
        else:
            caught += 1
    assert caught > len(whole) / 150


@pytest.mark.parametrize(
    "damage", [lambda path: path.write_bytes(b"PAR1"), ROWS.to_parquet, lambda path: None]
)
def test_what_is_no_whole_cell_is_played(tmp_path, damage):
    path = tmp_path / "cell.parquet"
    damage(path)
    with pytest.raises(
        RecordError, match=r"cell.parquet must be the whole file of a cell; repeat the command"
    ):
        read_cell(path)
    played = []
    for _ in range(2):
        play_missing([Cell(path, lambda _: played.append(1) or ROWS)], 1, "cells")
    assert len(played) == 1
    pd.testing.assert_frame_equal(read_cell(path), ROWS)
