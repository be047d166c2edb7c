"""What an experiment on the parameter market plays: a world, arms, and what varies."""

import dataclasses
from dataclasses import field
from typing import Annotated, Any

from pydantic import Field, field_validator, model_validator
from pydantic.dataclasses import dataclass

from experiments.configuration.keys import CellsConfig
from experiments.studies.reproduction.arms import Arm, MarketArm, build_arm
from markets.refusals import InputError
from sim.baselines import Baseline
from sim.config.market import STRICT, MarketConfig

NOT_VARIED = ("arms", "replicates", "jobs", "targets")
Positive = Annotated[float, Field(gt=0, le=1e6, allow_inf_nan=False)]


@dataclass(frozen=True, config=STRICT)
class ReproductionConfig(MarketConfig, CellsConfig):
    """An experiment: a world, the arms that are played in it, and what varies from cell to cell.

    Parameters
    ----------
    arms : list of str or mapping
        What is compared (see `experiments.studies.reproduction.arms`).
    vary : dict
        ``{key: [values]}``: keys and values as they could be typed after the command, groups included. Every
        combination is a cell.
    choices : dict
        Lists that a scale offers to presets, which vary them by reference.
    learning_rates : list of float
        Rates that every arm of every cell is played with; of these, least validation loss at the end chooses,
        arm by arm. Empty: the rate that is configured.
    targets : list of float
        Validation losses, nats an example: how long it takes to reach them is reported. Empty: nothing is.
    gradients : bool
        Whether the squared norm of each organisation's full gradient is measured after every round; costs a
        pass over its examples forward and back.
    """

    arms: list[Any] = field(default_factory=lambda: ["silo", "aligned"])
    vary: dict[str, list[Any]] = field(default_factory=dict)
    choices: dict[str, list[Any]] = field(default_factory=dict)
    learning_rates: list[Positive] = field(default_factory=list)
    targets: list[Positive] = field(default_factory=list)
    gradients: bool = False

    @field_validator("vary")
    @classmethod
    def _values_to_vary(cls, value: dict[str, list[Any]]) -> dict[str, list[Any]]:
        for key, values in value.items():
            if not values:
                raise InputError(f"vary.{key} must name at least one value; got none")
            if key in NOT_VARIED:
                raise InputError(
                    f"vary must not name {', '.join(NOT_VARIED)}, which all cells share; got {key}"
                )
        return value

    @model_validator(mode="after")
    def _arms_fit(self) -> "ReproductionConfig":
        if not self.arms:
            raise InputError("arms must name at least one; got none")
        names = [name for name, _ in self._named()]
        if len(set(names)) < len(names):
            raise InputError(f"arms must have different names; got {', '.join(names)}")
        for alignment in {arm.alignment for arm in self.markets.values()}:
            market = self.market(alignment)
            for arm in self.markets.values():
                market.in_setting(arm.setting)
        return self

    @property
    def markets(self) -> dict[str, MarketArm]:
        """The arms that are worlds of the market, by name."""
        return {name: arm for name, arm in self._named() if isinstance(arm, MarketArm)}

    @property
    def baselines(self) -> dict[str, Baseline]:
        """The arms without a market, by name; autarky is a world of the market."""
        return {name: arm for name, arm in self._named() if isinstance(arm, Baseline)}

    @property
    def arm_names(self) -> list[str]:
        """The names of all arms, in order."""
        return [name for name, _ in self._named()]

    def market(self, alignment: Any = "weight_matching") -> MarketConfig:
        """Return the world of the arms, with an alignment."""
        broker = dataclasses.replace(self.broker, alignment=alignment)
        return dataclasses.replace(super().market(), broker=broker)

    def _named(self) -> list[tuple[str, Arm]]:
        return [build_arm(spec) for spec in self.arms]
