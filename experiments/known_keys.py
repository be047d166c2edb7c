"""Which keys there are: what was typed and is none is refused, with the nearest one as a suggestion.

Hydra takes any new key that is given with a plus, and a slip of the pen would change nothing and say nothing.

Core Objects: check_keys, choices, unknown_key
"""

import difflib
from collections.abc import Callable, Iterator, Sequence
from functools import cache, lru_cache
from typing import Any

from hydra import compose
from hydra.core.global_hydra import GlobalHydra
from hydra.core.override_parser.types import Override
from hydra.errors import HydraException
from omegaconf import DictConfig, OmegaConf

from experiments.sentences import UserError


def check_keys(overrides: Sequence[Override]) -> None:
    """Refuse what is neither a key, nor a new entry of a mapping that takes any, nor a configuration group.

    Needs Hydra initialised. Where a group is swept, its first choice says which keys there are.

    Raises
    ------
    UserError
        Naming the first such key.
    """
    # Hydra copies all schemas for each list it makes: names that stand side by side share one.
    names_in = cache(GlobalHydra.instance().config_loader().list_groups)
    groups = [o for o in overrides if _is_group(o, names_in)]
    for group in groups:
        if group.is_add() and group.key_or_group in _default_groups():
            raise UserError(
                f"{group.key_or_group} is a group that has a place already: leave out the plus, as in "
                f"{str(group.input_line).lstrip('+')}"
            )
    typed = [o for o in overrides if o not in groups and not o.is_delete()]
    known = _composed_of(tuple(choices(group)[0] for group in groups))
    for override in typed:
        if not _is_known(known, override.key_or_group):
            raise UserError(unknown_key(override.key_or_group, list(_paths(known))))


def choices(override: Override) -> list[str]:
    """Return the overrides that one with several values stands for.

    Raises
    ------
    UserError
        If its values are not listed, as those of an interval.
    """
    if not override.is_sweep_override():
        return [str(override.input_line)]
    try:
        return [f"{override.get_key_element()}={value}" for value in override.sweep_string_iterator()]
    except HydraException as error:
        raise UserError(
            f"several values must be listed, as KEY=a,b or KEY=range(0,4); got {override.input_line!r}"
        ) from error


def unknown_key(key: str, known: Sequence[str]) -> str:
    """Return the sentence with which a key is refused, and the known key that is most like it.

    A key that lacks its group, as ``tau``, is like the one that ends with it.
    """
    hydras = key.startswith("hydra.")
    own = [n for n in known if n.startswith("hydra.") == hydras and not key.startswith(f"{n}.")]
    ends = {name.rsplit(".", 1)[-1]: name for name in reversed(own)}
    near = difflib.get_close_matches(key, own, n=1, cutoff=0.75)
    near = near or [ends[end] for end in difflib.get_close_matches(key.rsplit(".", 1)[-1], ends, n=1)]
    suggestion = f"; did you mean {near[0]}?" if near else ""
    return f"{key} is not a key{suggestion} (`parabourse explain` lists all keys)"


@lru_cache(maxsize=4)
def _composed_of(groups: tuple[str, ...]) -> DictConfig:
    """Return what groups compose to, only to be read for its keys: who asks again composes nothing."""
    return compose("config", list(groups), return_hydra_config=True)


def _is_group(override: Override, names_in: Callable[[str], list[str]]) -> bool:
    parent, _, name = override.key_or_group.rpartition("/")
    return name in names_in(parent)


def _default_groups() -> list[str]:
    return list(compose("config", return_hydra_config=True).hydra.runtime.choices)


def _is_known(known: DictConfig, key: str) -> bool:
    """Return whether a path exists, or would be a new entry of a mapping without a schema of its own."""
    node: Any = known
    for part in key.split("."):
        if not OmegaConf.is_dict(node):
            return False
        if node._is_none():
            return True
        if part not in node._content:
            return OmegaConf.get_type(node) is dict and node is not known
        node = node._get_node(part)
    return True


def _paths(node: DictConfig, prefix: str = "") -> Iterator[str]:
    for key in node:
        path, child = f"{prefix}{key!s}", node._get_node(key)
        yield path
        if isinstance(child, DictConfig) and not child._is_missing() and not child._is_none():
            yield from _paths(child, f"{path}.")
