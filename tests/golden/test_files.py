"""What differs between two records is told: which table, case, row and column, what was and what is."""

import math

import pandas as pd
import pytest

from tests.golden.files import BITS, OTHER_KERNELS, SHOWN, USUAL, alike, differences, read, write

TABLE = pd.DataFrame(
    {
        "case": ["a", "a", "b"],
        "buyer": [0, 1, 2],
        "strategy": ["zip", "zip, or aa", 'a "ring"'],
        "traded": [True, False, True],
        "loss": [2.25, math.nan, 1e-12],
        "paid": [0.1 + 0.2, 0.000001, 0.0],
    }
)


def told(tmp_path, now, was=TABLE, tolerance=USUAL):
    """Return how a record of one table differs once it has become another."""
    for name, table in (("before", was), ("after", now)):
        write({"trades": table}, tmp_path / name)
    return differences(tmp_path / "before", tmp_path / "after", tolerance)


def changed(column, row, value):
    table = TABLE.copy()
    table.loc[row, column] = value
    return table


def test_what_is_written_is_read_and_written_again_the_same(tmp_path):
    write({"trades": TABLE, "none": TABLE[:0]}, tmp_path)
    first = (tmp_path / "trades.csv").read_bytes()
    assert read(tmp_path)["trades"][2] == ["a", "1", "zip, or aa", "False", "nan", "1e-06"]
    assert read(tmp_path)["none"] == [list(TABLE)]
    write({"trades": TABLE}, tmp_path)
    assert (tmp_path / "trades.csv").read_bytes() == first
    assert not (tmp_path / "none.csv").exists()


def test_the_same_is_no_difference(tmp_path):
    assert told(tmp_path, TABLE.copy(), tolerance=BITS) == []


@pytest.mark.parametrize(
    ("column", "row", "value", "said"),
    [
        ("buyer", 1, 7, "buyer of row 1 (a, 1, zip, or aa, False, nan, 1e-06): was 1, is 7"),
        ("strategy", 0, "zap", "strategy of row 0 (a, 0, zip, True, 2.25"),
        ("traded", 2, False, "traded of row 0 (b, 2,"),
        ("loss", 0, 2.2501, "was 2.25, is 2.2501"),
        ("loss", 1, 0.0, "was nan, is 0.0"),
        ("loss", 0, math.inf, "was 2.25, is inf"),
        ("paid", 1, 0.000002, "was 1e-06, is 2e-06"),
    ],
)
def test_a_cell_that_differs_is_told(column, row, value, said, tmp_path):
    (line,) = told(tmp_path, changed(column, row, value))
    assert line.startswith(f"after/trades: {column} of row")
    assert said in line


def test_fractions_may_differ_in_their_last_digits_unless_every_bit_counts(tmp_path):
    now = changed("loss", 0, 2.25 * (1 + USUAL.relative / 2)).assign(paid=[0.3, 0.000001, 0.0])
    assert told(tmp_path, now) == []
    assert [line.split(" of ")[0] for line in told(tmp_path, now, tolerance=BITS)] == [
        "after/trades: loss",
        "after/trades: paid",
    ]


def test_alike():
    assert alike("loss", "0.0", repr(USUAL.absolute))
    assert not alike("loss", "0.0", repr(2 * USUAL.absolute))
    assert alike("loss", "100.0", repr(100 + 99 * USUAL.relative))
    assert not alike("loss", "1.0", "1")
    assert not alike("buyer", "1", "2")
    assert not alike("buyer", "1", "2", OTHER_KERNELS)


def test_money_is_the_same_to_the_micro_credit_unless_other_kernels_compute():
    assert alike("paid", "1.0", "1.0000000000000002")
    assert not alike("paid", "1000.0", "1000.000001")
    assert alike("paid", "1000.0", "1000.000002", OTHER_KERNELS)
    assert not alike("paid", "1000.0", "1000.000003", OTHER_KERNELS)
    assert not alike("amount", "7", "8")
    assert alike("amount", "7", "9", OTHER_KERNELS)
    assert not alike("amount", "7", "10", OTHER_KERNELS)


def test_columns_rows_cases_and_tables_that_come_or_go_are_told(tmp_path):
    assert told(tmp_path, TABLE.assign(fee=0)) == ["after/trades: new column fee"]
    assert told(tmp_path, TABLE.drop(columns="loss")) == ["after/trades: no column loss any more"]
    assert told(tmp_path, TABLE[["buyer", *TABLE.columns.drop("buyer")]])[0].startswith(
        "after/trades: columns were in the order case, buyer"
    )
    assert told(tmp_path, TABLE[1:])[0] == "after/trades, case a: 2 rows were, 1 are"
    assert told(tmp_path, TABLE[:2]) == ["after/trades: no case b any more"]
    more = pd.concat([TABLE[:1].assign(case="0"), TABLE])
    assert told(tmp_path, more) == ["after/trades: new case 0"]
    write({"trades": TABLE, "orders": TABLE}, tmp_path / "after")
    assert differences(tmp_path / "before", tmp_path / "after") == ["after: new table orders"]
    assert differences(tmp_path / "after", tmp_path / "before") == ["before: no table orders any more"]


def test_many_differences_are_counted(tmp_path):
    was = pd.DataFrame({"round": range(100), "loss": 1.0})
    lines = told(tmp_path, was.assign(loss=2.0), was)
    assert len(lines) == SHOWN + 1
    assert lines[-1] == "after/trades: 100 cells differ in all, in the columns loss"
