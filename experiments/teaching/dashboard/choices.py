"""What the controls of the dashboard choose, and the configuration of the world that it makes."""

from dataclasses import dataclass
from typing import Any

from agents.strategies import STRATEGIES
from markets.mechanisms import MECHANISMS
from sim.config.market import MarketConfig
from sim.settings import SETTINGS

ORGANISATIONS = (2, 3, 4, 6, 8, 12, 16)
PASSES = (1, 2, 5, 10)
FOLLOWERS = ("all", "half", "one")
SETTINGS_WITH_A_MARKET = tuple(name for name in SETTINGS if SETTINGS[name].trades)
RIVALRY = ("all against all", "two regions", "pairs")
SKEW: dict[str, dict[str, Any]] = {
    "none: all know every class": {"endowment": "iid"},
    "mild: 30% of the other half": {"endowment": "class_skew", "kept": 0.3},
    "strong: 10% of the other half": {"endowment": "class_skew", "kept": 0.1},
    "full: only half of the classes": {"endowment": "class_skew", "kept": 0.0},
}
"""Fields of the data's configuration, by the words of the control."""
SIZES: dict[str, list[float]] = {"equal": [], "leaders with four times as much": [4.0, 1.0]}
TOUGHNESS = {"fierce": 0.02, "usual": 0.05, "mild": 0.2}
"""The scale of consumers' noise, credits: the smaller it is, the more a small lead decides."""
ALIGNMENT = {"weight matching": "weight_matching", "none": "none"}
LICENCES = {"one copy (exclusive)": "exclusive", "copies for everybody": "copy"}
FIRST_OF_VENUE = {
    "listings": "second_price",
    "books": "k_double_auction",
    "bilateral": "nash_bargaining",
}
"""The mechanism that is offered first when a venue is chosen."""


@dataclass(frozen=True)
class Rule:
    """What two worlds that are compared may differ in: the setting and the mechanism."""

    setting: str = "competitive"
    mechanism: str = "second_price"

    @property
    def venue(self) -> str:
        """The one venue of the mechanism."""
        return MECHANISMS.build(self.mechanism).venue

    def __str__(self) -> str:
        return f"{self.mechanism.replace('_', ' ')}, {self.setting}"


@dataclass(frozen=True)
class Choices:
    """What the worlds that are shown have in common; each field is the word of a control.

    Attributes
    ----------
    organisations, seed : int
        How many organisations, and the root of all random streams.
    passes : int
        Passes over its examples that an organisation makes a round, of `PASSES`.
    strategy, followers : str
        A strategy and who follows it, of `FOLLOWERS`; the others tell the truth.
    rivalry, toughness : str
        Who shares a region with whom, and how hard rivals compete: of `RIVALRY` and `TOUGHNESS`.
    skew, sizes : str
        How the data are shared out: of `SKEW` and `SIZES`.
    alignment : str
        Of `ALIGNMENT`.
    licence : str
        How often a block is sold a round, of `LICENCES`; by default once, where rules differ most.
    """

    organisations: int = 4
    seed: int = 0
    passes: int = 5
    strategy: str = "truthful"
    followers: str = "all"
    rivalry: str = "all against all"
    toughness: str = "usual"
    skew: str = "strong: 10% of the other half"
    sizes: str = "equal"
    alignment: str = "weight matching"
    licence: str = "one copy (exclusive)"

    def market(self, rule: Rule) -> MarketConfig:
        """Return the configuration of the world under a rule.

        Models learn fast enough for an audience to see them improve from round to round, and trials look for
        the merge weight with few forward passes, so that nobody waits.

        Raises
        ------
        pydantic.ValidationError
            If the choices do not go together.
        """
        fields: dict[str, Any] = {
            "organisations": self.organisations,
            "data": {**SKEW[self.skew], "sizes": SIZES[self.sizes]},
            "learning": {
                "local_epochs": self.passes,
                "batch_size": 16,
                "optimiser": {"name": "adamw", "lr": 0.003},
            },
            "population": {"mix": self._mix()},
            "setting": {
                "name": rule.setting,
                "regions": self._regions(),
                "demand": {"tau": TOUGHNESS[self.toughness]},
            },
            "mechanism": rule.mechanism,
            "broker": {
                "alignment": ALIGNMENT[self.alignment],
                "licence": LICENCES[self.licence],
                "weight_search": "quadratic",
            },
        }
        return MarketConfig(**fields)

    def _mix(self) -> dict[str, int]:
        number = {"all": self.organisations, "half": self.organisations // 2, "one": 1}[self.followers]
        if self.strategy == "truthful":
            return {}
        return {self.strategy: number, "truthful": self.organisations - number}

    def _regions(self) -> int:
        return {"all against all": 1, "two regions": 2, "pairs": max(1, self.organisations // 2)}[
            self.rivalry
        ]


def mechanisms_of(venue: str) -> list[str]:
    """Return the mechanisms of a venue."""
    return [name for name in MECHANISMS if MECHANISMS.build(name).venue == venue]


def strategies() -> list[str]:
    """Return the strategies, the truthful one first."""
    return sorted(STRATEGIES, key=lambda name: (name != "truthful", name))
