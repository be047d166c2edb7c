"""No market."""

from typing import ClassVar

from pydantic.dataclasses import dataclass

from sim.settings import SETTINGS
from sim.settings.competitive import Competitive


@SETTINGS.register
@dataclass(frozen=True, config={"extra": "forbid"})
class Autarky(Competitive):
    """No market for parameters: every organisation trains alone. The yardstick."""

    name: str = "autarky"
    trades: ClassVar[bool] = False
