"""Hydra's composition, with a sentence for whatever it cannot compose.

Core Objects: composing, composed, load, without_hydra
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from hydra import compose, initialize_config_module
from hydra.core.config_search_path import SearchPathQuery
from hydra.core.global_hydra import GlobalHydra
from hydra.errors import HydraException
from hydra.types import RunMode
from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException

from experiments.command_line.sentences import UserError
from experiments.configuration.config_folder import own_folder
from experiments.configuration.loading import Loader


@contextmanager
def composing() -> Iterator[None]:
    """Let Hydra compose from `conf` and the user's own folder; afterwards it is free."""
    GlobalHydra.instance().clear()
    with initialize_config_module("conf", version_base="1.3"):
        hydra = GlobalHydra.instance().hydra
        assert hydra is not None
        places = hydra.config_loader.get_search_path()
        if (own := own_folder()) is not None:
            places.prepend("command-line", f"file://{own}", SearchPathQuery("schema"))
        hydra.config_loader = Loader(places)
        yield


def composed(name: str, overrides: Sequence[str]) -> DictConfig:
    """Return the configuration of a name with overrides, and Hydra's own, while `composing`.

    Raises
    ------
    UserError, hydra.errors.HydraException, omegaconf.errors.OmegaConfBaseException
        If it cannot be composed.
    """
    try:
        return compose(name, list(overrides), return_hydra_config=True)
    except (HydraException, OmegaConfBaseException):
        raise
    except Exception as error:
        raise _refusal(name, overrides) from error


def load(name: str, overrides: Sequence[str], mode: RunMode) -> DictConfig:
    """Return the same for a run or a sweep that Hydra will carry out."""
    try:
        return GlobalHydra.instance().config_loader().load_configuration(name, list(overrides), mode)
    except (HydraException, OmegaConfBaseException):
        raise
    except Exception as error:
        raise _refusal(name, overrides) from error


def without_hydra(config: DictConfig) -> DictConfig:
    """Return a configuration without Hydra's own part, which takes no other keys than it has."""
    own = OmegaConf.masked_copy(config, [str(key) for key in config if key != "hydra"])
    OmegaConf.set_struct(own, True)
    return own


def _refusal(name: str, overrides: Sequence[str]) -> UserError:
    """Return the refusal of the first override that cannot be composed alone; of all, if only together.

    Hydra and OmegaConf end in errors of Python's own where a value has another shape than its key takes.
    """
    for override in overrides:
        try:
            compose(name, [override], return_hydra_config=True)
        except (HydraException, OmegaConfBaseException):
            continue
        except Exception:
            return UserError(f"a key must have a value of the kind that it takes; got {override}")
    return UserError(f"keys must have values of the kind that they take; got {' '.join(overrides)}")
