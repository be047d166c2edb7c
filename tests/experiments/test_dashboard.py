"""The dashboard without a browser: what it tells is what the records say."""

import shutil
import socket
import sys
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest

from experiments.command_line.cli import main
from experiments.command_line.sentences import UserError
from experiments.runs.runner import read_config
from experiments.teaching.dashboard.choices import FIRST_OF_VENUE, Choices, Rule, mechanisms_of
from experiments.teaching.dashboard.recordings import find_recordings, read_recording
from experiments.teaching.dashboard.serving import LOOPBACK, serve, solara_application
from experiments.teaching.dashboard.stage import Stage
from experiments.teaching.dashboard.views import VIEWS
from markets.mechanisms import MECHANISMS
from sim.records.run_folder import RecordError, RunFolder
from sim.records.tables import TABLES

TINY = (
    "device=cpu",
    "organisations=3",
    "rounds=2",
    "replicates=1",
    "data.examples=300",
    "mechanism=nash_bargaining",
    "setting.demand.tau=0.02",
    "run.figures=false",
)


@pytest.fixture(scope="module")
def recorded(tmp_path_factory):
    """A recorded run of two rounds, and the same worlds played on a stage."""
    root = tmp_path_factory.mktemp("runs")
    assert main(["run", *TINY, f"hydra.run.dir={root}/tiny"]) == 0
    config = read_config(root / "tiny")
    stage = Stage((config.market(),), config.seed)
    for _ in range(config.rounds):
        stage.step()
    return SimpleNamespace(root=root, stage=stage, replayed=read_recording(root / "tiny", "competitive", 0))


def test_what_is_played_equals_what_is_recorded(recorded):
    (played,) = recorded.stage.chronicles
    assert len(played) == len(recorded.replayed) == 2
    for number in (1, 2):
        for name in set(TABLES) - {"ledger"}:
            told = recorded.replayed.at(number)[name].drop(columns=["arm", "replicate", "round"])
            own = played.at(number)[name][list(told)]
            pd.testing.assert_frame_equal(
                own, told.reset_index(drop=True), check_dtype=False, check_exact=True
            )


def test_without_a_market_the_same_organisations_live_off_their_own_models(recorded):
    alone = read_recording(recorded.root / "tiny", "autarky", 0)
    for number in (1, 2):
        beside = recorded.replayed.at(number)["organisations"]
        np.testing.assert_array_equal(
            beside["accuracy_alone"], alone.at(number)["organisations"]["test_accuracy"]
        )
    # In its own regions, autarky compared with itself is itself.
    organisations = alone.until(2, "organisations")
    np.testing.assert_allclose(organisations["net_alone"], organisations["profit"])
    assert all("No market" in passage.title for passage in VIEWS["Market"](alone, 2))


def test_recordings_are_those_under_the_folder_that_can_be_read(recorded):
    assert list(find_recordings(recorded.root)) == ["tiny"]
    assert find_recordings(recorded.root / "tiny" / "nothing") == {}
    for arm, replicate in (("cooperative", 0), ("competitive", 1)):
        with pytest.raises(RecordError, match="arms autarky, competitive and replicates 0 to 0"):
            read_recording(recorded.root / "tiny", arm, replicate)


def test_a_run_of_an_early_version_is_refused_with_a_sentence(recorded, tmp_path):
    shutil.copytree(recorded.root / "tiny", tmp_path / "old")
    orders = recorded.replayed.at(1)["orders"].drop(columns="levy")
    RunFolder(tmp_path / "old").change({"orders.parquet": orders.to_parquet})
    with pytest.raises(RecordError, match="its table orders has no column levy"):
        read_recording(tmp_path / "old", "competitive", 0)


def test_the_round_is_told_with_the_numbers_of_the_records(recorded):
    tables = recorded.replayed.at(2)
    told = {passage.title: passage for passage in VIEWS["The round"](recorded.replayed, 2)}
    trades = tables["trades"][tables["trades"]["settled"]]
    assert len(trades)
    assert f"{len(tables['trials'])} trials, of which {(tables['trials']['gain'] > 0).sum()}" in (
        told["3. Try before purchase"].text
    )
    assert f"{len(trades)} of {len(tables['orders'])} orders traded" in told["5. Clear"].text
    assert told["6. Pay"].text.startswith(f"{trades['paid'].sum():.3g} credits change hands.")
    assert len(told["7. Merge"].table) == len(trades)
    assert f"{tables['rounds']['test_accuracy'].iloc[0]:.1%}" in told["8. Live off the models"].text


def test_accuracies_by_class_make_up_the_accuracy(recorded):
    world, laboratory = recorded.stage.worlds[0], recorded.stage.worlds[0].laboratory
    accuracy = laboratory.accuracy_by_class(world.slots)
    examples = np.bincount(laboratory.labels[laboratory.divisions[0].test[0]], minlength=laboratory.classes)
    whole = world.report.tables["organisations"]["test_accuracy"]
    np.testing.assert_allclose(accuracy @ examples / examples.sum(), whole, atol=1e-7)


def test_every_mechanism_can_be_chosen_at_its_venue():
    offered = [name for venue in FIRST_OF_VENUE for name in mechanisms_of(venue)]
    assert sorted(offered) == sorted(MECHANISMS)
    for venue, first in FIRST_OF_VENUE.items():
        assert Rule(mechanism=first).venue == venue
    market = Choices(organisations=6, strategy="shading", followers="half", rivalry="pairs").market(Rule())
    assert market.population.mix == {"shading": 3, "truthful": 3}
    assert market.setting.regions == 3


def test_what_is_missing_is_said_in_a_sentence(monkeypatch):
    monkeypatch.setenv("SOLARA_APP", "none")
    monkeypatch.setitem(sys.modules, "solara", None)
    with pytest.raises(UserError, match=r"pip install 'parabourse\[dashboard\]'"):
        solara_application("experiments.teaching.dashboard.application")
    with socket.create_server((LOOPBACK, 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(
            UserError, match=f"--port must name a free address of this machine; got .*:{port}"
        ):
            serve(solara_application, port=port)
