"""What every kind of record has in common.

A kind plays small worlds. ``tables()`` returns what is recorded, ``configurations()`` yields what it is made
of, in which `tests.golden.coverage` looks for components, and ``portable`` says whether it has to be played
with portable kernels, because models learn in it.
"""

from collections.abc import Mapping
from typing import Any

import pandas as pd

Tables = dict[str, pd.DataFrame]
Fields = Mapping[str, Any]


def joined(cases: Mapping[str, Tables], key: str = "case") -> Tables:
    """Return the tables of all cases, one under the other, the names of the cases first, as `key`."""
    names = dict.fromkeys(name for tables in cases.values() for name in tables)
    return {
        name: pd.concat(
            [
                tables[name].assign(**{key: case})[[key, *tables[name]]]
                for case, tables in cases.items()
                if name in tables
            ],
            ignore_index=True,
        )
        for name in names
    }


def over(base: Fields, changes: Fields) -> dict[str, Any]:
    """Return the fields of `base` with `changes`, mapping by mapping; a new ``name`` begins afresh."""
    if changes.get("name", base.get("name")) != base.get("name"):
        return dict(changes)
    both = {
        name: over(base[name], change)
        if isinstance(change, Mapping) and isinstance(base.get(name), Mapping)
        else change
        for name, change in changes.items()
    }
    return {**base, **both}
