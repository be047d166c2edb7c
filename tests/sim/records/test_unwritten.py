"""Whatever cannot be written, whichever library writes, is one kind of error, and leaves nothing behind."""

import errno
import resource
from contextlib import contextmanager
from functools import partial

import numpy as np
import pandas as pd
import pytest
from matplotlib.figure import Figure

from sim.records.atomic import write_atomically
from sim.records.run_folder import RunFolder
from sim.records.tables import RecordWriter
from sim.records.unwritten import UnwrittenError

TABLE = pd.DataFrame(np.random.default_rng(0).random((2000, 3)), columns=list("abc"))
FIGURE = Figure()
FIGURE.subplots().plot(TABLE)


def checkpoint(folder):
    RecordWriter(RunFolder(folder)).write_round(1, {}, {"table": TABLE["a"].to_numpy()}, {})


WRITERS = {
    "checkpoint.safetensors": lambda path: checkpoint(path.parent),
    "table.parquet": lambda path: write_atomically(path, partial(TABLE.to_parquet, index=False)),
    "table.csv": lambda path: write_atomically(path, partial(TABLE.to_csv, index=False)),
    "figure.png": lambda path: write_atomically(path, partial(FIGURE.savefig, format="png")),
    "figure.svg": lambda path: write_atomically(path, partial(FIGURE.savefig, format="svg")),
    "figure.pdf": lambda path: write_atomically(path, partial(FIGURE.savefig, format="pdf")),
    "text.json": lambda path: write_atomically(path, lambda p: p.write_text("x" * 10_000)),
}


@contextmanager
def files_of(size):
    """Let no file of this process become larger than so many bytes."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


@pytest.mark.parametrize("name", WRITERS)
@pytest.mark.parametrize("size", [0, 1000, 4096, 9000])
def test_every_writer_fails_alike_and_leaves_what_was_there(tmp_path, name, size):
    path = tmp_path / name
    path.write_text("before")
    with files_of(size), pytest.raises(UnwrittenError, match=f"{name} cannot be written") as caught:
        WRITERS[name](path)
    assert caught.value.errno in (errno.EFBIG, 0)
    assert [p.name for p in tmp_path.iterdir()] == [name]
    assert path.read_text() == "before"
    WRITERS[name](path)
    assert path.stat().st_size > 9000


def test_what_is_no_matter_of_the_disk_stays_what_it_is(tmp_path):
    def writer(path):
        path.write_text("half")
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        write_atomically(tmp_path / "table.csv", writer)
    assert not list(tmp_path.iterdir())
