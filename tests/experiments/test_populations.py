"""Organisations that differ, from the command line: a run, its folder and page, models, and going on."""

import json
import shutil

import pytest

from experiments.command_line.cli import main
from experiments.configuration.composition import compose_config, set_up_hydra
from experiments.findings.summary import summarise
from experiments.reports.groups import told_groups
from experiments.reports.report import write_report
from experiments.runs.runner import read_config
from experiments.teaching.dashboard.recordings import read_recording
from parabourse import load_model
from sim.records.run_folder import RunFolder
from sim.records.tables import OPTIONAL_TABLES, read_tables
from tests.experiments.conftest import assert_same_records, interrupt, refused

pytestmark = pytest.mark.xdist_group("populations")

GROUPED = [
    "organisations=6",
    "rounds=3",
    "replicates=1",
    "arms=[autarky,independent,competitive,cooperative]",
    "data.examples=300",
    "network.widths=[8]",
    "mechanism=nash_bargaining",
    "costs.flops=1e-10",
    "run=tables_only",
    "population.groups.early={count:2,leave:3,share:2,learning:{optimiser:sgd,flops:2e5}}",
    "population.groups.late={count:2,enter:2,network:{name:mlp,widths:[6]},strategy:shading}",
    "population.groups.other={count:2,network:{name:convnet,channels:[3,4]},partners:[[4,5]]}",
]


@pytest.fixture(scope="module")
def grouped_run(tmp_path_factory):
    """The folder of a run; not to be changed."""
    folder = tmp_path_factory.mktemp("runs") / "grouped"
    assert main(["run", *GROUPED, f"hydra.run.dir={folder}"]) == 0
    return folder


def test_a_run_of_three_networks_tells_what_differs(grouped_run, tmp_path):
    tables = read_tables(RunFolder(grouped_run))
    assert set(OPTIONAL_TABLES) & set(tables) == {"means", "refusals"}
    manifest = json.loads((grouped_run / "manifest.json").read_text())
    networks = set(tables["means"]["network"])
    assert set(manifest["parameters"]) == networks
    assert len(networks) == 3
    config, folder = read_config(grouped_run), shutil.copytree(grouped_run, tmp_path / "copy")
    page = write_report(folder, config, summarise(config, tables), []).read_text(encoding="utf-8")
    assert all(f"<code>{network}</code>" in page for network in networks)
    assert "late, 2 organisations: strategy shading, enter 2, network mlp (widths [6])" in page
    assert "costs 1e-10 credits" in page


def test_a_stopped_run_of_three_networks_goes_on_byte_for_byte(grouped_run, tmp_path, monkeypatch):
    folder = tmp_path / "stopped"
    with monkeypatch.context() as patch:
        patch.setattr("experiments.runs.runner.round_metrics", interrupt)
        with pytest.raises(SystemExit):
            main(["run", *GROUPED, f"hydra.run.dir={folder}"])
    assert main(["resume", str(folder)]) == 0
    assert_same_records(folder, grouped_run)
    for name in ("means", "refusals"):
        own, straight = (one / f"{name}.parquet" for one in (folder, grouped_run))
        assert own.read_bytes() == straight.read_bytes()


def test_models_of_several_networks_are_files_to_start_from(grouped_run, tmp_path):
    models = [
        load_model(grouped_run / "models" / "competitive" / "0" / f"organisation_0{i}.safetensors")
        for i in (0, 2, 4)
    ]
    assert len({sum(leaf.numel() for leaf in one.parameters()) for one in models}) == 3
    again = tmp_path / "again"
    assert main(["run", *GROUPED, "rounds=1", f"start={grouped_run}", f"hydra.run.dir={again}"]) == 0


def test_recordings_are_put_beside_autarky_with_its_costs(grouped_run):
    chronicle = read_recording(grouped_run, "competitive", 0)
    told = chronicle.at(3)["organisations"].set_index("organisation")
    assert told.loc[0, "net_alone"] == told.loc[0, "net"] == 0  # It has left.
    alone = read_recording(grouped_run, "autarky", 0).at(2)["organisations"]
    assert alone["net_alone"].to_numpy() == pytest.approx(alone["net"].to_numpy(), abs=2e-6)
    assert read_config(grouped_run).population.groups["other"].partners == [[4, 5]]


def test_groups_in_words():
    set_up_hydra()
    told = told_groups(compose_config(["experiment=mixed_networks"]).population)
    assert told["small"] == "2 organisations: network mlp (widths [16]), lr 0.01, flops 1e+06"
    assert told_groups(compose_config([]).population) == {}


@pytest.mark.parametrize(
    ("override", "told"),
    [
        ("population.groups={a:{count:2},b:{count:2,leav:3}}", "population.groups.b.leav is not a key"),
        ("population.groups={a:3}", "population.groups.a must be a dictionary or an instance of GroupConfig"),
        ("population.groups=[a]", "population.groups must have a value of its own kind"),
        (
            "population.groups={a:{count:3}}",
            "population.groups must count as many organisations as there are",
        ),
        ("costs.flops=-1", "costs.flops must be greater than or equal to 0; got -1"),
        ("costs.flop=1", "costs.flop is not a key; did you mean costs.flops?"),
    ],
)
def test_what_cannot_be_is_refused_in_a_sentence(capsys, own_folder, override, told):
    assert told in refused(capsys, "run", override)
    assert not any(own_folder.iterdir())
