"""Tables as text that people can read and compare, and what differs between two of them.

A record is a folder, a table a CSV file: whole numbers as they are, floating-point numbers with all their
digits, texts in quotes.
"""

import csv
import math
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

RECORDED = Path(__file__).parent / "records"

MONEY = {"ask", "balance", "bid", "broker", "broker_surplus", "delivery", "highest", "levies", "levy"}
MONEY |= {"lowest", "paid", "received", "reserve", "royalty", "volume", "worth"}
"""Columns of whole micro-credits that are written in credits."""

MICRO_CREDITS = {"amount"}
"""Columns of micro-credits."""


@dataclass(frozen=True)
class Tolerance:
    """By how much two records may differ; all that is no number must be the same.

    Attributes
    ----------
    relative, absolute : float
        Fractions are alike if they differ by no more than `absolute`, or by `relative` times the larger.
    micro_credits : int
        Amounts of money are alike if they differ by no more than this. Other whole numbers must be the same.
    """

    relative: float = 1e-5
    absolute: float = 1e-7
    micro_credits: int = 0


USUAL = Tolerance()
"""Where the same instructions compute, on whatever processor."""
BITS = Tolerance(relative=0, absolute=0)
"""Nothing may differ."""
OTHER_KERNELS = Tolerance(relative=1e-4, absolute=1e-6, micro_credits=2)
"""Where other instructions compute: float32 sums end in other digits, and amounts are rounded from them."""

SHOWN = 12
"""Differing cells of a table that are told; the rest is counted."""


def write(tables: dict[str, pd.DataFrame], folder: Path) -> None:
    """Write the tables of a record into its folder; tables that it no longer has go."""
    folder.mkdir(parents=True, exist_ok=True)
    for path in folder.glob("*.csv"):
        if path.stem not in tables:
            path.unlink()
    for name, table in tables.items():
        with (folder / f"{name}.csv").open("w", encoding="utf-8", newline="") as file:
            writer = csv.writer(file, lineterminator="\n")
            writer.writerow(table.columns)
            writer.writerows(zip(*(map(_text, table[c].tolist()) for c in table), strict=True))


def read(folder: Path) -> dict[str, list[list[str]]]:
    """Return the tables of a record, the heading first."""
    tables = {}
    for path in sorted(folder.glob("*.csv")):
        with path.open(encoding="utf-8", newline="") as file:
            tables[path.stem] = list(csv.reader(file))
    return tables


def differences(was: Path, now: Path, tolerance: Tolerance = USUAL) -> list[str]:
    """Return in sentences how the record in one folder differs from that in another; nothing if it does not.

    Parameters
    ----------
    was, now : Path
        The folders of the record as it was recorded and as it has just been played.
    tolerance : Tolerance
        By how much they may.
    """
    before, after = read(was), read(now)
    told = [f"{now.name}: no table {name} any more" for name in before if name not in after]
    told += [f"{now.name}: new table {name}" for name in after if name not in before]
    for name in before:
        if name in after:
            told += _of_tables(f"{now.name}/{name}", before[name], after[name], tolerance)
    return told


def _of_tables(table: str, was: list[list[str]], now: list[list[str]], tolerance: Tolerance) -> list[str]:
    columns, found = was[0], now[0]
    told = [f"{table}: no column {name} any more" for name in columns if name not in found]
    told += [f"{table}: new column {name}" for name in found if name not in columns]
    if not told and columns != found:
        told.append(f"{table}: columns were in the order {', '.join(columns)}, are {', '.join(found)}")
    places = [(name, columns.index(name), found.index(name)) for name in columns if name in found]
    before, after = _cases(was), _cases(now)
    told += [f"{table}: no {case} any more" for case in before if case not in after]
    told += [f"{table}: new {case}" for case in after if case not in before]
    differing: list[tuple[str, str]] = []
    for case, rows in before.items():
        if case not in after:
            continue
        if len(rows) != len(after[case]):
            told.append(f"{table}, {case}: {len(rows)} rows were, {len(after[case])} are")
        differing += _differing(places, rows, after[case], tolerance)
    told += [f"{table}: {cell}" for _, cell in differing[:SHOWN]]
    if len(differing) > SHOWN:
        touched = ", ".join(dict.fromkeys(name for name, _ in differing))
        told.append(f"{table}: {len(differing)} cells differ in all, in the columns {touched}")
    return told


def _cases(table: list[list[str]]) -> dict[str, list[list[str]]]:
    """Return the rows of each case of a table, in their order; all rows where it has no cases."""
    heading, *rows = table
    if heading[:1] not in (["case"], ["preset"]):
        return {"rows": rows}
    cases: dict[str, list[list[str]]] = {}
    for row in rows:
        cases.setdefault(f"{heading[0]} {row[0]}", []).append(row)
    return cases


def _differing(
    places: list[tuple[str, int, int]], was: list[list[str]], now: list[list[str]], tolerance: Tolerance
) -> Iterator[tuple[str, str]]:
    """Yield the column of each cell that differs, and what differs: row (0 is the first), was and is."""
    for row, (old, new) in enumerate(zip(was, now, strict=False)):
        for name, there, here in places:
            if not alike(name, old[there], new[here], tolerance):
                begins = ", ".join(old[:6])
                yield name, f"{name} of row {row} ({begins}): was {old[there]}, is {new[here]}"


def alike(column: str, was: str, now: str, tolerance: Tolerance = USUAL) -> bool:
    """Return whether two cells of a column say the same, as far as the tolerance goes."""
    if was == now:
        return True
    if tolerance == BITS:
        return False
    if column in MICRO_CREDITS:
        return abs(int(was) - int(now)) <= tolerance.micro_credits
    if not (_is_fraction(was) and _is_fraction(now)):
        return False
    old, new = float(was), float(now)
    if column in MONEY:
        return abs(old - new) < (tolerance.micro_credits + 0.5) * 1e-6
    return math.isclose(old, new, rel_tol=tolerance.relative, abs_tol=tolerance.absolute)


def _is_fraction(cell: str) -> bool:
    """Return whether a cell was written from a floating-point number; whole numbers have neither . nor e."""
    try:
        float(cell)
    except ValueError:
        return False
    return any(mark in cell for mark in ".enif")


def _text(value: object) -> str:
    return repr(value) if isinstance(value, float) else str(value)
