"""A model that never has a finite loss is of no quality, and its organisation does not trade."""

import numpy as np
import torch
from torch import nn

from sim.market import ParameterMarket
from tests.sim.conftest import small


class Overflowing(nn.Module):
    """Answers finite numbers to what is small, and none to what is not."""

    def __init__(self, shape: tuple[int, ...], answers: int) -> None:
        super().__init__()
        self.layer = nn.Linear(int(np.prod(shape)), answers)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.layer(x.flatten(1)) / (x.flatten(1).min(1, keepdim=True).values != 0)


def test_it_diverges_and_earns_no_more_than_nothing_would():
    network = {"name": "module", "factory": f"{__name__}:Overflowing"}
    market = ParameterMarket(small(network=network), seed=0)
    for _ in range(2):
        market.step()
    assert set(market.members.status) == {"diverged"}
    assert (market.holdings.quality == 0).all()
    market.ledger.check()
