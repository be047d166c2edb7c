"""Records: atomic, whole, and refused in one sentence when they are not."""

import numpy as np
import pandas as pd
import pytest
import torch

from sim.records.atomic import write_atomically
from sim.records.run_folder import CHECKPOINT, RecordError, RunFolder
from sim.records.tables import TABLES, RecordWriter, load_checkpoint, read_tables


def rows(number):
    return {name: pd.DataFrame({"round": [number], "x": [number / 2]}) for name in TABLES}


def test_parts_become_tables(tmp_path):
    writer = RecordWriter(RunFolder(tmp_path))
    for number in (1, 2, 2, 10, 1_000_000):
        writer.write_round(number, rows(number), {}, {})
    writer.finish({})
    tables = read_tables(RunFolder(tmp_path))
    assert set(tables) == set(TABLES)
    assert tables["rounds"]["round"].tolist() == [1, 2, 10, 1_000_000]
    assert not (tmp_path / "parts").exists()
    before = (tmp_path / "rounds.parquet").read_bytes()
    writer.finish({})
    assert (tmp_path / "rounds.parquet").read_bytes() == before


def test_a_write_that_dies_leaves_the_old_file(tmp_path):
    path = tmp_path / "x.txt"
    path.write_text("old")

    def dies(unfinished):
        unfinished.write_text("half")
        raise OSError("disk full")

    with pytest.raises(OSError, match="disk full"):
        write_atomically(path, dies)
    assert path.read_text() == "old"
    assert [path.name for path in tmp_path.iterdir()] == ["x.txt"]


def test_missing_and_truncated_tables_are_named(tmp_path):
    with pytest.raises(
        RecordError, match=r"rounds\.parquet must be a record file of a finished run; there is none"
    ):
        read_tables(RunFolder(tmp_path))
    writer = RecordWriter(RunFolder(tmp_path))
    writer.write_round(1, rows(1), {}, {})
    writer.finish({})
    path = tmp_path / "trades.parquet"
    path.write_bytes(path.read_bytes()[:50])
    with pytest.raises(RecordError, match=r"trades\.parquet must be what SHA256SUMS says"):
        read_tables(RunFolder(tmp_path))
    with pytest.raises(RecordError, match=r"trades\.parquet must be a whole Parquet file"):
        read_tables(RunFolder(tmp_path, checked=False))


def test_checkpoints_return_what_they_were_given(tmp_path):
    state = {"a": torch.arange(4.0), "b": np.array([[True, False]]), "c": np.array(7)}
    RecordWriter(RunFolder(tmp_path)).write_round(1, {}, state, {"train": 1.5})
    assert (tmp_path / CHECKPOINT).stat().st_mode == (tmp_path / "SHA256SUMS").stat().st_mode
    found, seconds = load_checkpoint(RunFolder(tmp_path))
    assert seconds == {"train": 1.5}
    for name, value in state.items():
        np.testing.assert_array_equal(np.asarray(found[name]), np.asarray(value), strict=True)


def test_broken_checkpoints_are_refused(tmp_path):
    with pytest.raises(RecordError, match="there is none"):
        load_checkpoint(RunFolder(tmp_path))
    (tmp_path / CHECKPOINT).write_bytes(b"not safetensors")
    with pytest.raises(RecordError, match="must be a whole checkpoint"):
        load_checkpoint(RunFolder(tmp_path, checked=False))
