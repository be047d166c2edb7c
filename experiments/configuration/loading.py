"""Hydra's loader of configurations, which composes the files of each choice of groups once.

Composing takes a quarter of a second, and setting keys in what was composed a hundredth: the commands of a
session and the cells of a sweep differ in keys more often than in groups.
"""

import copy
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Self, cast

from hydra._internal.config_loader_impl import ConfigLoaderImpl, get_overrides_dirname
from hydra._internal.config_repository import ConfigRepository
from hydra.core.config_search_path import ConfigSearchPath
from hydra.core.object_type import ObjectType
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import Override
from hydra.plugins.config_source import ConfigResult, ConfigSource
from hydra.types import RunMode
from omegaconf import DictConfig, OmegaConf

from experiments.configuration.config_folder import folders, own_folder
from experiments.configuration.plugins import Brought
from markets.choices import choice_of

FOLDERS = ("hydra.run.dir", "hydra.sweep.dir", "hydra.sweep.subdir")
"""The keys of Hydra's own that change nothing else of what it composes."""
PLACES = {"hydra.conf", "conf", ""}
"""Where Hydra looks if nobody says otherwise; the last are the schemas."""
MOST = 64
"""Compositions that are remembered; each takes about a megabyte."""

_COMPOSED: dict[tuple[object, ...], DictConfig] = {}
_FOUND: dict[tuple[object, ...], Any] = {}
"""What there is where Hydra looks by default, and as of when."""


def forget_composed() -> None:
    """Compose anew from now on: a schema has changed."""
    _COMPOSED.clear()
    _FOUND.clear()


def set_keys(overrides: Sequence[Override], config: DictConfig) -> None:
    """Set keys in a configuration as Hydra does, and own fields of what a key chooses beside its name.

    ``data.dataset=mine data.dataset.size=5`` stands for ``data.dataset={name:mine,size:5}``.
    """
    own = [override for override in overrides if choice_of(override.key_or_group)]
    ConfigLoaderImpl._apply_overrides_to_config([one for one in overrides if one not in own], config)
    for key in {choice.key for override in own if (choice := choice_of(override.key_or_group))}:
        if isinstance(name := OmegaConf.select(config, key), str):
            OmegaConf.update(config, key, {"name": name}, merge=False)
        if OmegaConf.is_dict(node := OmegaConf.select(config, key)):
            OmegaConf.set_struct(node, False)
    ConfigLoaderImpl._apply_overrides_to_config(own, config)


class Repository(ConfigRepository):
    """Hydra's view of the files and schemas, which reads each once; those of a search path, every time."""

    def load_config(self, config_path: str) -> ConfigResult | None:
        """Return what a file or a schema holds, to be changed by whoever asks."""
        if not self._is_usual():
            return super().load_config(config_path)
        if (config_path,) not in _FOUND:
            _FOUND[config_path,] = super().load_config(config_path)
        return copy.deepcopy(_FOUND[config_path,])

    def _find_object_source(self, config_path: str, object_type: ObjectType | None) -> ConfigSource | None:
        if not self._is_usual():
            return super()._find_object_source(config_path, object_type)
        if (config_path, object_type) not in _FOUND:
            _FOUND[config_path, object_type] = super()._find_object_source(config_path, object_type)
        return cast(ConfigSource | None, _FOUND[config_path, object_type])

    def __deepcopy__(self, memo: dict[int, Any]) -> Self:
        """Return a copy that can look elsewhere; places have no state that needs copies."""
        return copy.copy(self)

    def _is_usual(self) -> bool:
        """Return whether nothing but Hydra's own, `conf` and the user's folder is looked through."""
        own = own_folder()
        return {source.path for source in self.sources} == (PLACES if own is None else {*PLACES, str(own)})


class Loader(ConfigLoaderImpl):
    """Hydra's loader, with the same results.

    What it remembers is forgotten where a file of `conf` or of the user's folder has changed. To another
    process it brings what the user named: what is pickled after it may be of classes known only then.
    """

    def __init__(self, config_search_path: ConfigSearchPath) -> None:
        _forget_if_changed()
        super().__init__(config_search_path)
        self.repository = Repository(config_search_path)

    def __getstate__(self) -> dict[str, Any]:
        """Return the state with the user's own first: parts are unpickled in this order."""
        return {"brought": Brought(), **vars(self)}

    def _load_configuration_impl(
        self,
        config_name: str | None,
        overrides: list[str],
        run_mode: RunMode,
        from_shell: bool = True,
        validate_sweep_overrides: bool = True,
    ) -> DictConfig:
        _forget_if_changed()
        typed = OverridesParser.create().parse_overrides(list(overrides))
        how = (run_mode, from_shell, validate_sweep_overrides)
        if not all(map(_is_plain, typed)):
            return super()._load_configuration_impl(config_name, list(overrides), *how)
        if validate_sweep_overrides:
            self.validate_sweep_overrides_legal(overrides=typed, run_mode=run_mode, from_shell=from_shell)
        single = [override for override in typed if not override.is_sweep_override()]
        groups = [override for override in single if self._is_choice(override)]
        lines = [str(group.input_line) for group in groups]
        known = (config_name, *lines, *how)
        if known not in _COMPOSED:
            if len(_COMPOSED) >= MOST:
                _COMPOSED.clear()
            _COMPOSED[known] = super()._load_configuration_impl(config_name, lines, *how)
        config = copy.deepcopy(_COMPOSED[known])
        set_keys([one for one in single if one not in groups], config)
        _tell_hydra(config, typed)
        return config

    def _is_choice(self, override: Override) -> bool:
        """Return whether an override chooses from a group, as Hydra decides it."""
        is_mapping = not override.is_delete() and isinstance(override.value(), dict)
        return not is_mapping and self.repository.group_exists(override.key_or_group)


def _is_plain(override: Override) -> bool:
    """Return whether an override leaves alone where Hydra looks for files and what it notes of a job."""
    key = override.key_or_group
    hydras = key == "hydra" or key.startswith("hydra.")
    return override.package is None and (not hydras or key in FOLDERS)


def _tell_hydra(config: DictConfig, typed: Sequence[Override]) -> None:
    """Put into Hydra's part of a configuration what was typed, and where."""
    hydra = config.hydra
    task = [override for override in typed if not override.is_hydra_override()]
    hydra.overrides.hydra = [override.input_line for override in typed if override.is_hydra_override()]
    hydra.overrides.task = [override.input_line for override in task]
    how = hydra.job.config.override_dirname
    hydra.job.override_dirname = get_overrides_dirname(task, how.exclude_keys, how.item_sep, how.kv_sep)
    hydra.runtime.cwd = str(Path.cwd())


def _forget_if_changed() -> None:
    """Forget what was composed if another file of a choice is there, or one was changed since."""
    times = [
        os.stat(os.path.join(folder, name)).st_mtime_ns  # noqa: PTH116, PTH118 - a tenth of what a Path takes
        for root in folders()
        for folder, _, names in os.walk(root)
        for name in names
        if name.endswith(".yaml")
    ]
    files = (*map(str, folders()), len(times), max(times))
    if _FOUND.get(("files",)) != files:
        forget_composed()
        _FOUND["files",] = files
