"""The data dictionary is what the writer writes: names, order, types, and metadata in the files."""

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from markets.accounts.ledger import REASONS
from sim.cohort import Cohort
from sim.records.run_folder import RunFolder
from sim.records.schema import ARROW_TYPES, RECORD_TABLES, described, lacking
from sim.records.tables import RecordWriter, read_tables
from tests.sim.conftest import small


@pytest.fixture(scope="module")
def tables():
    """The tables of a round without any trade, in autarky, and one of a market."""
    groups = {"a": {"count": 2}, "b": {"count": 2, "network": {"name": "mlp", "widths": [8]}}}
    config = small(broker={"record_curves": True}, population={"groups": groups})
    return [Cohort(config, [setting], 1, seed=3).step() for setting in ("autarky", "competitive")]


@pytest.mark.parametrize("name", RECORD_TABLES)
def test_tables_have_the_columns_and_types_of_the_dictionary(tables, name):
    columns = RECORD_TABLES[name].columns
    for played in tables:
        assert list(played[name]) == list(columns)
        schema = described(name, played[name]).schema
        for column, of in columns.items():
            assert schema.field(column).type == ARROW_TYPES[of.kind], column
            assert of.meaning
            assert (not of.unit) or of.kind in ("number", "whole number")


def test_the_files_tell_units_and_meanings_and_hold_the_same_rows(tables, tmp_path):
    folder = RunFolder(tmp_path)
    writer = RecordWriter(folder)
    writer.write_round(1, tables[1], {}, {})
    writer.finish({})
    read = read_tables(folder)
    for name, table in RECORD_TABLES.items():
        assert tables[1][name].equals(read[name])
        for field in pq.read_schema(tmp_path / f"{name}.parquet"):
            of = table.columns[field.name]
            assert field.metadata == {b"unit": of.unit.encode(), b"meaning": of.meaning.encode()}


def test_a_table_that_lacks_a_column_is_told(tables):
    trades = tables[1]["trades"]
    assert lacking("trades", trades) == []
    assert lacking("trades", trades.drop(columns=["paid", "bid"])) == ["bid", "paid"]


def test_a_column_that_nobody_described_is_stored_without_a_meaning(tables):
    plain = described("trades", tables[1]["trades"].assign(further=np.arange(len(tables[1]["trades"]))))
    assert plain.schema.field("further").type == pa.int64()
    assert plain.schema.field("further").metadata is None


def test_values_that_are_words_are_those_that_the_dictionary_names(tables):
    for table, column, words in (
        ("ledger", "reason", REASONS),
        ("orders", "outcome", ("traded", "levied", "no trade", "refused", "not settled")),
    ):
        meaning = RECORD_TABLES[table].columns[column].meaning
        assert all(word in meaning for word in words)
        for played in tables:
            assert set(played[table][column]) <= set(words)
