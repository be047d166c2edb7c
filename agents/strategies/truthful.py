"""Truth-telling: the yardstick of every mechanism."""

from pydantic.dataclasses import dataclass

from agents.strategies import STRATEGIES
from agents.strategies.base import Strategy


@STRATEGIES.register
@dataclass(frozen=True, config={"extra": "forbid"})
class Truthful(Strategy):
    """Bids what a block is worth to it and asks what selling costs it."""

    name: str = "truthful"
