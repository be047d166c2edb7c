"""What trials measured at every merge weight is recorded where a run asks, and changes nothing else."""

import numpy as np
import pandas as pd
import pytest

from sim.cohort import Cohort
from sim.records.run_folder import RunFolder
from sim.records.tables import TABLES, RecordWriter, read_tables
from tests.sim.conftest import small, tables_of

KEYS = ["arm", "replicate", "round", "buyer", "seller", "position"]


@pytest.mark.parametrize("search", ["grid", "golden"])
def test_curves_hold_what_trials_found_and_change_nothing_else(search, tmp_path):
    recorded, plain = (
        tables_of(
            Cohort(
                small(broker={"record_curves": record, "weight_search": search}), ["competitive"], 1, seed=3
            ),
            1,
        )[0]
        for record in (True, False)
    )
    assert set(recorded) == {*TABLES, "curves"}
    assert set(plain) == set(TABLES)
    for name in TABLES:
        pd.testing.assert_frame_equal(recorded[name], plain[name])
    trials = recorded["trials"].set_index(KEYS)
    curves = recorded["curves"].groupby(KEYS)
    assert len(curves) == len(trials)
    assert curves["weight"].apply(lambda weight: bool((weight.diff().dropna() >= 0).all())).all()
    np.testing.assert_array_equal(curves["loss"].first()[trials.index], trials["loss_before"])
    np.testing.assert_allclose(curves["loss"].min()[trials.index], trials["loss_after"], rtol=1e-12)
    best = recorded["curves"].loc[curves["loss"].idxmin()].set_index(KEYS)["weight"]
    np.testing.assert_array_equal(best[trials.index], trials["weight"])

    for folder, tables in (("recorded", recorded), ("plain", plain)):
        writer = RecordWriter(RunFolder(tmp_path / folder))
        writer.write_round(1, tables, {}, {})
        writer.finish({})
        assert set(read_tables(RunFolder(tmp_path / folder))) == set(tables)
