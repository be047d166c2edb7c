"""From two files and what was typed to the world in which one model is tried on the other.

The files tell what they come from; whatever is typed counts more. What they tell is data: it is validated as
a configuration is, and where it stands for code or for a place on a disk, it must be typed.

Core Objects: Setup, compose_setup
"""

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from omegaconf import DictConfig, OmegaConf

from experiments.command_line.sentences import UserError
from experiments.configuration.composing import composing, without_hydra
from experiments.configuration.composition import check_world, set_up_hydra
from experiments.configuration.keys import parse
from experiments.configuration.known_keys import check_keys, composed_of, is_group
from experiments.configuration.loading import set_keys
from experiments.configuration.overrides import check_grammar
from markets.refusals import InputError
from sim.config.data import DATASET
from sim.config.market import MarketConfig
from sim.saved_models.fitting import SavedModel
from sim.saved_models.loading import CODE, network_of
from sim.saved_models.model_card import ModelCard, Origin
from sim.saved_models.saving import LOCATIONS

PATHS = {
    "network": "network",
    "data": "data",
    "learning": "learning",
    "merge_operator": "learning.merge_operator",
    "broker": "broker",
}
"""The groups that an appraisal takes, and where their choices lie."""
KEYS = ("network", "data", "learning", "broker", "organisations", "population", "plugins", "device", "seed")
"""The first parts of the keys that it takes."""


@dataclass(frozen=True)
class Setup:
    """A world, and whose place in it the two models take.

    Attributes
    ----------
    config : MarketConfig
        The world.
    seed, replicate, round : int
        By which data are divided and what organisations tell of them is drawn.
    buyer, seller : int
        The organisations whose data each model is taken to have learnt from.
    operator : str
        The one merge operator that was asked for; '' for all.
    remarks : tuple of str
        What to keep in mind when the result is read.
    """

    config: MarketConfig
    seed: int
    replicate: int
    round: int
    buyer: int
    seller: int
    operator: str
    remarks: tuple[str, ...]


def compose_setup(buyer: SavedModel, seller: SavedModel, overrides: Sequence[str]) -> Setup:
    """Return the world that two files and overrides stand for.

    Raises
    ------
    UserError, hydra.errors.HydraException, omegaconf.errors.OmegaConfBaseException, InputError
        Whatever is wrong with them.
    """
    set_up_hydra()
    with composing():
        typed = [check_grammar(override) for override in overrides]
        for override in typed:
            _check_override(override)
        check_keys(typed)
        groups = [override for override in typed if is_group(override)]
        chosen = {str(group.key_or_group) for group in groups}
        asked = chosen | {override.key_or_group for override in typed}
        composed = without_hydra(composed_of([str(group.input_line) for group in groups]))
        whole = DictConfig(OmegaConf.to_container(composed))
        OmegaConf.set_struct(whole, True)
        told = next((saved for saved in (buyer, seller) if saved.card), None)
        if told is not None:
            _put(whole, told, chosen, asked)
        _check_named(chosen, asked, told)
        set_keys([override for override in typed if override not in groups], whole)
        config = parse(whole)
    origin = told.card.origin if told is not None and told.card else None
    typed_seed = "seed" in asked
    replicate = 0 if origin is None or typed_seed else origin.replicate
    homes = [_home(saved.card, origin, typed_seed) for saved in (buyer, seller)]
    market = config.market()
    if not market.broker.trials.tries:
        raise UserError(
            f"broker.trials must be full or weak for an appraisal; got {market.broker.trials.name}"
        )
    if any(home is None or home.start for home in homes):  # Nobody knows a common ancestor.
        market = dataclasses.replace(market, learning=dataclasses.replace(market.learning, same_start=False))
    check_world(market, replicate + 1, config.seed)
    return Setup(
        config=market,
        seed=config.seed,
        replicate=replicate,
        round=0 if origin is None or typed_seed else origin.round,
        buyer=_organisation(homes[0], 0, market),
        seller=_organisation(homes[1], 1, market),
        operator=market.learning.merge_operator.name if _asks_operator(asked) else "",
        remarks=_remarks((buyer, seller), homes),
    )


def _check_override(override: Any) -> None:
    key = str(override.key_or_group)
    if override.is_sweep_override():
        raise UserError(f"{key} must have one value; got {override.input_line}")
    if key.split(".")[0] not in (*KEYS, *PATHS):
        raise UserError(
            f"an appraisal takes keys of {', '.join(dict.fromkeys((*PATHS, *KEYS)))}; got "
            f"{override.input_line}"
        )


def _put(whole: DictConfig, told: SavedModel, chosen: set[str], asked: set[str]) -> None:
    """Let a configuration be what a file tells, but for what was chosen on the command line."""
    assert told.card is not None
    plain: Any = OmegaConf.to_container(whole)
    kept = {PATHS[group]: _at(plain, PATHS[group]) for group in chosen}
    world, card = told.card.world, told.card
    try:
        parts: dict[str, Any] = {name: dict(world[name]) for name in ("data", "broker", "learning")}
        groups = dict(world["groups"])
    except (KeyError, TypeError, ValueError) as error:
        raise InputError(
            f"{told.path} must tell its data, broker, learning and groups; it does not"
        ) from error
    # Whole models, whatever blocks were traded, and tried, even where the market did not let anybody.
    parts["broker"] |= {"blocks": "model", "bundles": "none"}
    if parts["broker"].get("trials") in ("none", {"name": "none"}):
        parts["broker"]["trials"] = "full"
    for name, part in parts.items():
        OmegaConf.update(whole, name, {**plain[name], **part}, merge=False)
    OmegaConf.update(whole, "population.groups", groups, merge=False)
    # Where the place alone is to be named again, the rest is as the file tells.
    if _dataset_of(parts["data"]) == _dataset_of(kept.get("data")) and lacks_place(parts["data"]):
        del kept["data"]
    code = card.network.get(CODE) is not None
    if code and kept.get("network", {}).get("name") == card.network["name"]:
        kept["network"] |= {name: value for name, value in card.network.items() if name != CODE}
    if "network" not in chosen:
        named = code and f"network.{CODE}" in asked
        network = card.network if named else dataclasses.asdict(network_of(card, told.path))  # type: ignore[call-overload]
        OmegaConf.update(whole, "network", network, merge=False)
    if card.origin is not None:
        whole.seed, whole.organisations = card.origin.seed, card.origin.organisations
    for path, node in kept.items():
        OmegaConf.update(whole, path, node, merge=False)


def _check_named(chosen: set[str], asked: set[str], told: SavedModel | None) -> None:
    """Raise ``UserError`` where neither a file nor the command line says which network and data are meant."""
    for group, example in {"network": "mlp", "data": "digits"}.items():
        if told is None and group not in chosen and not any(key.startswith(f"{group}.") for key in asked):
            raise UserError(f"{group} must be given where no file tells it, as {group}={example}; got none")
    if told is None or told.card is None or "data" in chosen or asked & {"data.path", "data.factory"}:
        return
    if lacks_place(told.card.world["data"]):
        raise UserError(
            f"data must be given for {told.path}, whose data={_dataset_of(told.card.world['data'])} lie "
            f"where the file does not tell; got none"
        )


def _dataset_of(data: Any) -> Any:
    """Return the name of the dataset in a configuration of data; None if there is none."""
    dataset = data.get("dataset") if isinstance(data, Mapping) else None
    return dataset.get("name") if isinstance(dataset, Mapping) else dataset


def lacks_place(data: Any) -> bool:
    """Return whether data are of no use without a place on a disk, or code, that files do not tell."""
    name = _dataset_of(data)
    if not isinstance(name, str) or name not in DATASET.registry:
        return False
    fields = DATASET.registry[name].__dataclass_fields__
    return any(field in fields for field in LOCATIONS if field != "data_home")


def _at(plain: Any, path: str) -> Any:
    for part in path.split("."):
        plain = plain[part]
    return plain


def _asks_operator(asked: set[str]) -> bool:
    return any(key.startswith(("merge_operator", "learning.merge_operator")) for key in asked)


def _home(card: ModelCard | None, origin: Origin | None, typed_seed: bool) -> Origin | None:
    """Return where a model comes from, if from the world that its appraisal takes place in."""
    own = None if card is None else card.origin
    if own is None or origin is None or typed_seed:
        return None
    same = ("seed", "replicate", "organisations")
    return own if all(getattr(own, name) == getattr(origin, name) for name in same) else None


def _organisation(home: Origin | None, otherwise: int, market: MarketConfig) -> int:
    if home is not None and 0 <= home.organisation < market.organisations:
        return home.organisation
    return otherwise


def _remarks(models: Sequence[SavedModel], homes: Sequence[Origin | None]) -> tuple[str, ...]:
    away = [str(saved.path) for saved, home in zip(models, homes, strict=True) if home is None]
    if not away:
        return ()
    return (
        f"{' and '.join(away)}: not known to be of this division of the data, so that it may have been "
        f"trained on the examples that it is measured on here",
    )
