"""Which keys there are: what was typed and is none is refused, with the nearest one as a suggestion.

Hydra takes any new key that is given with a plus, and a slip of the pen would change nothing and say nothing.

Core Objects: check_keys, composed_of, is_group, unknown_key
"""

import difflib
from collections.abc import Iterator, Sequence
from functools import cache
from pathlib import Path
from typing import Any

from hydra.core.global_hydra import GlobalHydra
from hydra.core.override_parser.types import Override
from omegaconf import DictConfig, OmegaConf

from experiments.command_line.sentences import UserError
from experiments.configuration.composing import composed
from experiments.configuration.config_folder import own_folder
from experiments.configuration.overrides import check_grammar, choices
from markets.choices import choice_of


def check_keys(overrides: Sequence[Override]) -> None:
    """Refuse what is neither a key, nor a new entry of a mapping that takes any, nor a configuration group.

    Needs Hydra initialised. Where a group is swept, its first choice says which keys there are.

    Raises
    ------
    UserError
        Naming the first such key.
    """
    groups = [o for o in overrides if is_group(o)]
    for group in groups:
        _check_names(group)
        if group.is_add() and group.key_or_group in composed_of([]).hydra.runtime.choices:
            raise UserError(
                f"{group.key_or_group} is a group that has a place already: leave out the plus, as in "
                f"{str(group.input_line).lstrip('+')}"
            )
    typed = [o for o in overrides if o not in groups and not o.is_delete()]
    known = composed_of([choices(group)[0] for group in groups])
    for override in typed:
        if not _is_known(known, override.key_or_group):
            raise UserError(unknown_key(override.key_or_group, list(_paths(known))))


def unknown_key(key: str, known: Sequence[str]) -> str:
    """Return the sentence with which a key is refused, and the known key that is most like it.

    A key that lacks its group, as ``tau``, is like the one that ends with it.
    """
    hydras = key.startswith("hydra.")
    own = [n for n in known if n.startswith("hydra.") == hydras and not key.startswith(f"{n}.")]
    ends = {name.rsplit(".", 1)[-1]: name for name in reversed(own)}
    near = difflib.get_close_matches(key, own, n=1, cutoff=0.75)
    last = difflib.get_close_matches(key.rsplit(".", 1)[-1], ends, n=1, cutoff=0.65)
    near = near or [ends[end] for end in last]
    suggestion = f"; did you mean {near[0]}?" if near else ""
    return f"{key} is not a key{suggestion} (`parabourse explain` lists all keys)"


def composed_of(groups: Sequence[str]) -> DictConfig:
    """Return what choices of groups compose to."""
    return composed("config", groups)


def is_group(override: Override) -> bool:
    """Return whether an override chooses from a configuration group; needs Hydra initialised."""
    parent, _, name = override.key_or_group.rpartition("/")
    return name in _groups(parent, own_folder())


@cache
def _groups(parent: str, own: Path | None) -> frozenset[str]:  # noqa: ARG001 - other folders, other groups
    """Return the names of the groups in one; Hydra copies all schemas for each list that it makes."""
    return frozenset(GlobalHydra.instance().config_loader().list_groups(parent))


def _check_names(group: Override) -> None:
    """Refuse what is no name of a choice, and no list of such names."""
    if group.is_delete():
        return
    for choice in choices(group):
        value = check_grammar(choice).value()
        names = value if isinstance(value, list) and value else [value]
        if value is not None and not all(isinstance(name, str) and name for name in names):
            raise UserError(
                f"{group.key_or_group} must be given the name of one of its choices; got {choice}"
            )


def _is_known(known: DictConfig, key: str) -> bool:
    """Return whether a path exists, or would be a new entry of a mapping without a schema of its own."""
    node: Any = known
    for part in key.split("."):
        if not OmegaConf.is_dict(node):
            # What a chosen class has for fields, it says itself.
            return choice_of(key) is not None
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
