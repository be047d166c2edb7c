"""What there is to choose from in the groups of the configuration: files of `conf`, and what is registered.

A file sets more than its name says, as ``network=mlp32``; where there is none, a name stands for the class
that is registered under it.

Core Objects: register_choices, register_schema, choices_of
"""

import typing
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from hydra.core.config_store import ConfigStore
from omegaconf import MISSING, OmegaConf

from agents.learning.training.optimisers import OPTIMISERS
from agents.strategies import STRATEGIES
from experiments.configuration.config_folder import CONF, check_names, choice_files
from experiments.configuration.keys import Config
from experiments.configuration.loading import forget_composed
from markets.choices import CHOICES, choice_in
from markets.orders.venues import VENUES
from sim.data.datasets import DATASETS

_REGISTERED: dict[tuple[str, str], Any] = {}


def register_choices() -> None:
    """Tell Hydra the types and defaults of all keys of a run, and every choice that has no file."""
    register_schema("schema", Config)
    for choice in CHOICES.values():
        for name in choice.registry if choice.group else ():
            _register(choice.group, name, choice.registry[name], choice.key)
    for name in OPTIMISERS:
        _register("learning", name, {"defaults": [f"/schema/optimiser/{name}@optimiser"]})
    for name in STRATEGIES:
        _register("population", name, {"mix": {name: "${organisations}"}})
    for name in DATASETS:
        _register("data", name, {"dataset": name, "endowment": "class_skew"})
    for name in ("auto", *VENUES):
        _register("venue", name, {"name": name})
    for group, name in _REGISTERED:
        check_names(group, [name])


def register_schema(name: str, cls: type[Any], group: str = "") -> None:
    """Tell Hydra the types and defaults of the keys of a class; files name it as ``/GROUP/NAME``."""
    _register(group, name, cls)


def choices_of(group: str) -> list[str]:
    """Return the names that a group can be given, once they are registered; none where there is no group."""
    registered = ConfigStore.instance().repo.get(group, {})
    return sorted({path.stem for path in choice_files(group)} | {Path(name).stem for name in registered})


def _register(group: str, name: str, what: type[Any] | Mapping[str, Any], key: str | None = None) -> None:
    """Tell Hydra what a name stands for, unless a file says so or it has been told of this very thing."""
    if _REGISTERED.get((group, name)) == what or (CONF / group / f"{name}.yaml").is_file():
        return
    node = _open(OmegaConf.structured(what)) if isinstance(what, type) else what
    ConfigStore.instance().store(group=group or None, name=name, node=node, package=key)
    _REGISTERED[group, name] = what
    forget_composed()


def _open(node: Any) -> Any:
    """Return a structured config that overrides may write to; mappings take new keys.

    What a group's choice fills is missing, or it would refuse the others; what a key chooses is its name.
    """
    if not OmegaConf.is_config(node) or node._is_missing():
        return node
    OmegaConf.set_readonly(node, None)
    if OmegaConf.is_dict(node):
        cls = OmegaConf.get_type(node)
        if cls is dict:
            OmegaConf.set_struct(node, False)
        hints = {} if cls in (dict, None) else typing.get_type_hints(cls, include_extras=True)
        for key in node:
            if choice := choice_in(hints.get(str(key))):
                node[key] = MISSING if choice.group else choice.name_of(node[key])
            _open(node._get_node(key))
    return node
