"""What is composed once is what Hydra composes every time."""

import dataclasses
import os
import shutil

import pytest
from hydra import initialize_config_module
from hydra._internal.config_loader_impl import ConfigLoaderImpl
from hydra.core.global_hydra import GlobalHydra
from hydra.errors import HydraException
from hydra.types import RunMode
from omegaconf import OmegaConf

from experiments.configuration import config_folder, loading
from experiments.configuration.choices import register_schema
from experiments.configuration.composition import set_up_hydra
from experiments.configuration.loading import Loader
from experiments.sweeping.launchers import prepare_launchers

ACCEPTED = [
    ["seed=3", "mechanism=mcafee", "hydra.run.dir=a folder", "network.widths=[3]", "rounds=${seed}"],
    ["++seed=3", "experiment=closeness", "+population.mix.shading=2"],
    ["hydra/launcher=basic", "hydra.sweep.dir=a", "hydra.sweep.subdir=cells/b", "hydra.job.name=b"],
]
REFUSED = [
    "mechanism=nope",
    "nope=3",
    "+mechanism=mcafee",
    "++mechanism=mcafee",
    "mechanism@a=mcafee",
    "~population.parameters",
]
SWEPT = ["seed=1,2", "mechanism=mcafee,first_price", "rounds=4"]


@pytest.fixture
def hydras():
    """Hydra's own loader."""
    set_up_hydra()
    prepare_launchers()
    with initialize_config_module("conf", version_base="1.3"):
        yield GlobalHydra.instance().config_loader()


@pytest.fixture
def own(hydras):
    return Loader(hydras.get_search_path())


def kinds(node, path=""):
    """Return what OmegaConf knows of every node: its type, its flags, whether it may be null."""
    about = node._metadata
    found = {path: (about.ref_type, about.object_type, about.optional, about.flags)}
    if OmegaConf.is_dict(node) and not node._is_missing() and not node._is_none():
        for key in node:
            found |= kinds(node._get_node(key), f"{path}.{key}")
    return found


def told(loader, override):
    with pytest.raises(HydraException) as refusal:
        loader.load_configuration("config", [override], RunMode.RUN)
    return str(refusal.value), repr(refusal.value.__cause__)


@pytest.mark.parametrize(
    ("typed", "mode"), [*((typed, RunMode.RUN) for typed in ACCEPTED), (SWEPT, RunMode.MULTIRUN)]
)
def test_it_is_the_same_every_time(hydras, own, typed, mode):
    expected = hydras.load_configuration("config", typed, mode)
    for _ in range(2):
        found = own.load_configuration("config", typed, mode)
        assert OmegaConf.to_container(found) == OmegaConf.to_container(expected)
        assert kinds(found) == kinds(expected)
        OmegaConf.update(found, "seed", 99)


@pytest.mark.parametrize("override", REFUSED)
def test_the_same_is_refused_with_the_same_words(hydras, own, override):
    assert told(own, override) == told(hydras, override)


def test_files_are_composed_anew_where_one_or_a_schema_has_changed(own, tmp_path, monkeypatch):
    loading.forget_composed()
    monkeypatch.setattr(config_folder, "CONF", shutil.copytree(config_folder.CONF, tmp_path / "conf"))
    composed, hydras = [], ConfigLoaderImpl._load_configuration_impl
    monkeypatch.setattr(
        ConfigLoaderImpl,
        "_load_configuration_impl",
        lambda *given: (composed.append(given), hydras(*given))[1],
    )

    def anew(override):
        before = len(composed)
        own.load_configuration("config", [override], RunMode.RUN)
        return len(composed) - before

    assert [anew("seed=1"), anew("seed=2"), anew("mechanism=mcafee"), anew("rounds=2")] == [1, 0, 1, 0]
    os.utime(tmp_path / "conf/config.yaml", (2**32, 2**32))
    assert [anew("seed=1"), anew("seed=2")] == [1, 0]
    register_schema("new", dataclasses.make_dataclass("New", []), "of_nobody")
    assert [anew("seed=1"), anew("seed=2")] == [1, 0]
