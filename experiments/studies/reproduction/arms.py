"""The arms of comparison: markets with and without alignment, and what there is without a market.

Core Objects: ARMS, MarketArm, build_arm
"""

from collections.abc import Mapping
from typing import Annotated, Any

from pydantic.dataclasses import dataclass

from markets.refusals import InputError
from sim.baselines import BASELINES, Baseline
from sim.config.broker import ALIGNMENT
from sim.config.market import STRICT
from sim.settings import SETTINGS


@dataclass(frozen=True, config=STRICT)
class MarketArm:
    """A world of the market.

    Parameters
    ----------
    setting : str
        How payoffs depend on each other; ``autarky`` is no market.
    alignment : str
        ``weight_matching`` or ``none``, as in `sim.config.broker.BrokerConfig`.
    """

    setting: str
    alignment: Annotated[Any, ALIGNMENT] = "weight_matching"

    def __post_init__(self) -> None:
        SETTINGS[self.setting]


Arm = MarketArm | Baseline

SILO, ALIGNED, RIVALS = "silo", "aligned", "competitive"
"""Arms that tables and figures know: what others are compared with, and that in which profits are rival."""

ARMS: dict[str, Arm] = {
    SILO: MarketArm("autarky"),
    "unaligned": MarketArm("independent", "none"),
    ALIGNED: MarketArm("independent"),
    RIVALS: MarketArm("competitive"),
    "cooperative": MarketArm("cooperative"),
    "fedavg": BASELINES.build("fedavg"),
    "fedavg_late": BASELINES.build({"name": "fedavg", "same_start": False, "schedule": "market"}),
    "fedprox": BASELINES.build("fedprox"),
    "gossip": BASELINES.build("gossip"),
    "pooled": BASELINES.build("pooled"),
    "deep_ensemble": BASELINES.build("deep_ensemble"),
}
"""Every arm that has a name. `fedavg_late` averages as Huang, Vishwakarma and Sala (2023) do: models from
initial weights of their own, in the rounds in which the market trades."""


def build_arm(spec: Any) -> tuple[str, Arm]:
    """Return the name and the arm that a name or a mapping stands for.

    Parameters
    ----------
    spec : str or mapping
        A name in `ARMS`; or ``{name, baseline, ...}`` with the fields of a baseline, or ``{name, setting,
        alignment}``, under a name of its own.

    Raises
    ------
    InputError
        If there is no such arm, or a mapping says neither.
    """
    if not isinstance(spec, Mapping):
        if not isinstance(spec, str) or spec not in ARMS:
            raise InputError(f"arms must be among {', '.join(ARMS)}, or mappings; got {spec!r}")
        return spec, ARMS[spec]
    fields = {str(key): value for key, value in spec.items()}
    name = str(fields.pop("name", ""))
    if not name or ("baseline" in fields) == ("setting" in fields):
        raise InputError(
            f"an arm must be a mapping with a name and either a baseline or a setting; got {spec}"
        )
    if "setting" in fields:
        return name, MarketArm(**fields)
    return name, BASELINES.build({"name": fields.pop("baseline"), **fields})
