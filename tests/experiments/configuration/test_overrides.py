"""Whatever is typed works or is refused in one sentence, before anything is written, and at once."""

import dataclasses
import multiprocessing
import os
import typing
from pathlib import Path

import pytest
from pydantic import TypeAdapter, ValidationError

from agents.learning.networks import NETWORKS
from agents.learning.operators import MERGE_OPERATORS
from agents.learning.training.optimisers import OPTIMISERS
from agents.strategies import STRATEGIES
from experiments.command_line import application
from experiments.command_line.cli import main
from experiments.configuration import composition
from experiments.configuration.composing import without_hydra
from experiments.configuration.composition import check_run, set_up_hydra
from experiments.configuration.keys import Config, RunConfig, parse
from experiments.configuration.overrides import MOST_CELLS, check_grammar, with_quotes
from experiments.runs.cells import cell_key
from experiments.studies.cross.config import CrossConfig
from experiments.studies.reproduction.config import ReproductionConfig
from experiments.studies.textbook import TEXTBOOK
from experiments.sweeping.command import compose_master
from experiments.sweeping.launchers import _job, prepare_launchers
from experiments.sweeping.plan import PlannedCell, plan_sweep
from markets.choices import CHOICES
from markets.mechanisms import MECHANISMS
from markets.registry import Registry
from sim.config.data import DataConfig
from sim.config.market import BrokerConfig, LearningConfig, MarketConfig
from sim.config.population import GroupConfig, PopulationConfig
from sim.consumers.demand import Demand
from sim.data.distributions import DISTRIBUTIONS
from sim.settings import SETTINGS
from sim.textbook.trading_session import SessionConfig
from tests.experiments.conftest import refused as refusal
from tests.experiments.overrides_at_random import PLAYED, lists_of_overrides, try_arguments

TINY = ["organisations=2", "rounds=1", "replicates=1", "data.examples=300", "network.widths=[8]"]
REFUSED = [
    ("broker.demand=99999999999999999999", "broker.demand must be less than or equal to"),
    ("broker.merge_weights=1000000000", "broker.merge_weights must be less than or equal to"),
    ("learning.merge_operator=5", "learning.merge_operator must be one of dare, fisher"),
    ("mechanism=[inf,1]", "mechanism must be given the name of one of its choices"),
    ("data=[inf,1]", "data must be given the name of one of its choices"),
    ("learning=[[]]", "learning must be given the name of one of its choices"),
    ("+values=[[]]", "values must be given the name of one of its choices"),
    ("+hydra=[null]", "hydra must be given the name of one of its choices"),
    ("hydra.run.dir='a\0b'", "hydra.run.dir must be a folder that can be written"),
    ("hydra.run.dir=" + "x" * 300, "hydra.run.dir must be a folder that can be written"),
    ("hydra.job.name='a/b'", "hydra.job.name must be a name that a file can have"),
    ("hydra.job_logging.root.level=NOPE", "Unknown level: 'NOPE'"),
    ("hydra.hydra_logging.version=5", "Unsupported version: 5"),
    ("hydra.mode=MULTIRUN", "-m asks for a sweep"),
    ("hydra.output_subdir=${nope}", "Interpolation key 'nope' not found"),
    ("hydra.sweeper.params={seed: '0,1'}", "hydra.sweeper.params"),
    ("seed=range(0,100000000)", f"at most {MOST_CELLS} values"),
    ("seed=${seed}", "Recursive interpolation"),
    ("seed=" + "[" * 100 + "]" * 100, "brackets in brackets"),
    ("network.widths=[1000000,1000000]", "models must fit into memory"),
    ("--strange", "takes no flag but"),
]


pytestmark = pytest.mark.usefixtures("own_folder")


def refused(capsys, *arguments):
    """Return the one sentence with which arguments are refused, before anything is written."""
    sentence = refusal(capsys, *arguments)
    assert not list(Path().iterdir())
    return sentence


@pytest.mark.parametrize(("override", "told"), REFUSED)
def test_what_cannot_be_is_refused_in_a_sentence(capsys, override, told):
    assert told in refused(capsys, "run", *TINY[:3], override)


@pytest.mark.parametrize(
    ("overrides", "told"),
    [
        (["seed=range(0,100000000)"], f"at most {MOST_CELLS} values"),
        (["seed=range(0,1000)", "rounds=range(1,1001)"], f"at most {MOST_CELLS} cells; got 1000000"),
        (["hydra.sweeper.params={seed: '0,1'}"], "hydra.sweeper.params"),
        (["seed=0,1", "hydra.sweep.dir='a\0b'"], "hydra.sweep.dir must be a folder that can be written"),
        (["seed=0,1", "hydra.job_logging.root.level=NOPE"], "Unknown level"),
        (["seed=0,1", "hydra.sweeper.max_batch_size=-1"], "max_batch_size must be at least 1"),
        (["seed=range(0,3,0)"], "several values must be listed"),
    ],
)
def test_sweeps_that_cannot_be_are_refused_in_a_sentence(capsys, overrides, told):
    assert told in refused(capsys, "run", "-m", *TINY[:3], *overrides)


def test_letters_of_any_language_need_no_quotes(monkeypatch):
    played = []
    monkeypatch.setattr(application, "start", lambda config, text, folder: played.append(folder))
    monkeypatch.setattr(application, "conclude", lambda *_: None)
    monkeypatch.setattr(application, "print_conclusion", lambda _: None)
    assert main(["run", *TINY, "hydra.run.dir=läufe/eins"]) == 0
    assert played == [Path("läufe/eins").absolute()]
    assert with_quotes("hydra.run.dir=läufe und") == "hydra.run.dir=läufe und"
    assert with_quotes("--cfg") == "--cfg"


def planned(*overrides):
    set_up_hydra()
    prepare_launchers()
    return plan_sweep(compose_master([*TINY, *overrides]))


def test_a_plan_has_the_cells_that_hydra_would_compose_one_by_one():
    swept = ["mechanism=mcafee,posted_price", "setting.demand.tau=0.5", "seed=3,4"]
    plan = planned(*swept)
    alone = [check_run([*cell.overrides, f"hydra.run.dir={cell.key}"]) for cell in plan.cells]
    assert [cell.key for cell in plan.cells] == [cell_key(parse(without_hydra(one))) for one in alone]
    assert len({cell.key for cell in plan.cells}) == 4


def test_what_depends_on_the_seed_is_composed_for_every_seed():
    plan = planned("seed=1,2", "rounds=${seed}")
    assert [(cell.seed, cell.rounds) for cell in plan.cells] == [(1, 1), (2, 2)]


def test_hundreds_of_seeds_are_planned_as_one(monkeypatch):
    """Composing takes a third of a second: a sweep of hundreds of cells must not pay it for each."""
    parsed = []
    monkeypatch.setattr(composition, "parse", lambda whole: (parsed.append(whole), parse(whole))[1])
    assert len(planned("seed=range(0,500)").cells) == 500
    assert len(parsed) == 1


REGISTRIES: tuple[Registry, ...] = (
    *(MECHANISMS, STRATEGIES, NETWORKS, OPTIMISERS, MERGE_OPERATORS, SETTINGS, TEXTBOOK, DISTRIBUTIONS),
    *(choice.registry for choice in CHOICES.values()),
)
CONFIGURATIONS = {
    cls.__name__: cls
    for cls in (
        *(Config, RunConfig, CrossConfig, ReproductionConfig, MarketConfig, DataConfig, LearningConfig),
        *(GroupConfig, PopulationConfig, BrokerConfig, SessionConfig, Demand),
        *(registry[name] for registry in REGISTRIES for name in registry),
    )
}


@pytest.mark.parametrize("name", sorted(CONFIGURATIONS))
def test_every_number_has_limits(name):
    """No whole number beyond 64 bits and no amount beyond a ledger's gets in, alone or in a list."""
    unlimited = []
    hints = typing.get_type_hints(CONFIGURATIONS[name], include_extras=True)
    for field in dataclasses.fields(CONFIGURATIONS[name]):
        adapter = TypeAdapter(hints[field.name])
        if not any(one in str(adapter.core_schema) for one in ("'type': 'int'", "'type': 'float'")):
            continue
        for value in (10**20, 1e300, float("inf"), float("nan")):
            for shape in (value, [value], [[value]], {"a": value}):
                try:
                    adapter.validate_python(shape)
                    unlimited.append((field.name, shape))
                except (ValidationError, ValueError):
                    pass
    assert unlimited == []


def verdict(code, told, folder):
    """Return what was wrong with how a list of arguments was answered; '' if nothing."""
    lines = told.strip().splitlines()
    if code not in (0, 2) or "Traceback" in told:
        return f"code {code}"
    if code == 0:
        return "" if PLAYED in told else "silent"
    if len(lines) != 1 or not lines[0].startswith("parabourse: "):
        return "not one sentence"
    return f"left {list(folder.iterdir())}" if any(folder.iterdir()) else ""


def try_all(lists, tmp_path):
    """Return what was wrong, with each list in a process of its own that is forked from a warm one."""
    warm = multiprocessing.get_context("forkserver")
    warm.set_forkserver_preload(["tests.experiments.overrides_at_random"])
    wrong = []
    for number, arguments in enumerate(lists):
        folder, told = tmp_path / str(number), tmp_path / f"{number}.txt"
        folder.mkdir()
        process = warm.Process(target=try_arguments, args=(["run", "rounds=1", *arguments], folder, told))
        process.start()
        process.join(300)
        if process.exitcode is None:
            process.kill()
            wrong.append((arguments, "hangs"))
            continue
        text = told.read_text(encoding="utf-8", errors="replace")
        if found := verdict(process.exitcode, text, folder):
            wrong.append((arguments, found, text[-300:]))
    return wrong


@pytest.mark.slow
@pytest.mark.skipif(os.name != "posix", reason="processes are forked")
def test_a_thousand_random_lists_of_overrides_are_played_or_refused(tmp_path):
    assert try_all(lists_of_overrides(1000, seed=20), tmp_path) == []


@pytest.mark.skipif(os.name != "posix", reason="processes are forked")
def test_a_few_random_lists_of_overrides_are_played_or_refused(tmp_path):
    assert try_all(lists_of_overrides(2, seed=21), tmp_path) == []


@pytest.mark.parametrize(
    ("typed", "told"),
    [
        ("benchmark --organisations 99999999999999999999", "--organisations: must be at most 1000000"),
        ("merging --seed 99999999999999999999", "--seed: must be at most 9223372036854775807"),
        ("pricing --output /dev/null/x", "--output must be a folder that can be written"),
        ("adversaries --replicates nan", "invalid int value: 'nan'"),
        ("dashboard --port 99999999", "--port: must be at most 65535"),
        ("cross seed=0,1", "a key must have one value"),
        ("cross mechanisms=5", "mechanisms must be a list in brackets"),
        ("cross data=[inf,1]", "got data=[inf,1]"),
        ("reproduce two_organisations arms=[[]]", "arms must be among"),
        ("textbook smith seed=99999999999999999999", "seed must be less than or equal to"),
        ("nope", "invalid choice: 'nope'"),
    ],
)
def test_arguments_of_all_commands_are_refused_in_a_sentence(capsys, typed, told):
    try:
        code = main(typed.split())
    except SystemExit as end:
        code = end.code
    captured = capsys.readouterr()
    [sentence] = captured.err.strip().splitlines()
    assert (code, captured.out) == (2, "")
    assert told in sentence
    assert not list(Path().iterdir())


@pytest.mark.parametrize("name", ["plain", "läufe", "it's", "a(1)", "a,b", "two words", "a=b", "${x}", "a\\"])
def test_a_cell_is_played_in_the_folder_of_its_sweep_whatever_its_name(tmp_path, name):
    override = _job(PlannedCell("key", [], {}, 0, 1), tmp_path / name)[0]
    read = check_grammar(override)
    assert not read.is_sweep_override()
    assert str(read.value()).replace("\\${", "${") == str(tmp_path / name)
