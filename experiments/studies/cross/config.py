"""What the cross table crosses, and the small world that it plays in every cell."""

import dataclasses
from collections.abc import Iterable
from dataclasses import field
from typing import Annotated, Any

from pydantic import Field, ValidationInfo, field_validator, model_validator
from pydantic.dataclasses import dataclass

from agents.strategies import STRATEGIES
from experiments.configuration.keys import CellsConfig
from markets.choices import names_in
from markets.goods.blocks import Licence
from markets.mechanisms import MECHANISMS
from markets.refusals import InputError
from markets.registry import Registry
from sim.config.market import STRICT, MarketConfig, WorldConfig
from sim.config.population import PopulationConfig
from sim.settings import SETTINGS

CROSSED: dict[str, tuple[Registry[Any], Iterable[str]]] = {
    "mechanisms": (MECHANISMS, MECHANISMS),
    "strategies": (STRATEGIES, STRATEGIES),
    "settings": (SETTINGS, [name for name in SETTINGS if SETTINGS[name].trades]),
}


@dataclass(frozen=True, config=STRICT)
class CrossConfig(WorldConfig, CellsConfig):
    """The table and its world.

    Parameters
    ----------
    mechanisms, strategies, settings : list of str
        What to cross; ``[all]`` is every one that is registered (of settings, those with a market).
    mechanism_parameters, strategy_parameters : dict
        Fields that differ from their defaults, ``{name: {field: value}}``.
    followers : int
        How many of them follow the cell's strategy; the others tell the truth.
    licence : str
        The licence of every cell. ``auto`` is ``exclusive`` where the mechanism serves it and ``copy`` where
        it does not: without scarcity many rules come to the same.
    factors : list of float
        The misreports that are tried, as multiples of the own quotes.
    """

    mechanisms: list[str] = field(default_factory=lambda: ["all"])
    strategies: list[str] = field(default_factory=lambda: ["all"])
    settings: list[str] = field(default_factory=lambda: ["independent", "competitive", "cooperative"])
    mechanism_parameters: dict[str, dict[str, Any]] = field(default_factory=dict)
    strategy_parameters: dict[str, dict[str, Any]] = field(default_factory=dict)
    followers: Annotated[int, Field(ge=1, le=1_000_000)] = 2
    licence: Annotated[str, Field(pattern="^(auto|copy|exclusive)$")] = "auto"
    factors: list[Annotated[float, Field(ge=0, le=1e6, allow_inf_nan=False)]] = field(
        default_factory=lambda: [0.0, 0.25, 0.5, 0.75, 0.9, 1.1, 1.5]
    )

    @field_validator("mechanisms", "strategies", "settings")
    @classmethod
    def _known(cls, value: list[str], info: ValidationInfo) -> list[str]:
        registry, every = CROSSED[str(info.field_name)]
        return names_in(str(info.field_name), value, registry, every)

    @model_validator(mode="after")
    def _cells_fit(self) -> "CrossConfig":
        if self.followers >= self.organisations:
            raise InputError(
                f"followers must be fewer than organisations ({self.organisations}); got {self.followers}"
            )
        for mechanism in self.mechanisms:
            self.world(mechanism, self.strategies[0], self.settings[0])
        for strategy in self.strategies:
            self.world(self.mechanisms[0], strategy, self.settings[0])
        return self

    def licence_of(self, mechanism: str) -> str:
        """Return the licence of the cells of a mechanism."""
        if self.licence != "auto":
            return self.licence
        served = self._rule(mechanism).properties.licences
        return "exclusive" if "exclusive" in served else "copy"

    def serves(self, mechanism: str) -> bool:
        """Return whether the mechanism serves the licence; if not, its cells are empty."""
        return Licence.parse(self.licence_of(mechanism)).kind in self._rule(mechanism).properties.licences

    def world(self, mechanism: str, strategy: str, setting: str) -> MarketConfig:
        """Return the world of a cell."""
        mix = {strategy: self.followers}
        mix["truthful"] = mix.get("truthful", 0) + self.organisations - self.followers
        licence = self.licence_of(mechanism) if self.serves(mechanism) else "copy"
        fields = {f.name: getattr(self, f.name) for f in dataclasses.fields(WorldConfig)}
        config = MarketConfig(
            **fields | {"broker": dataclasses.replace(self.broker, licence=licence)},
            population=PopulationConfig(mix=mix, parameters=self.strategy_parameters),
            mechanism=self._rule(mechanism),
        )
        return config.in_setting(setting)

    def _rule(self, mechanism: str) -> Any:
        return MECHANISMS.build({"name": mechanism, **self.mechanism_parameters.get(mechanism, {})})
