"""Modules as users write them, and the networks around them."""

from collections import OrderedDict
from collections.abc import Callable

import torch
from torch import nn

from agents.learning.networks.module import Module


def flattened(shape: tuple[int, ...], answers: int) -> nn.Module:
    """Return a convolution whose pictures a linear layer sees one by one."""
    return nn.Sequential(
        OrderedDict(
            layer0=nn.Conv2d(shape[0], 5, 3, padding=1),
            norm=nn.GroupNorm(1, 5),
            relu=nn.ReLU(),
            flat=nn.Flatten(),
            layer1=nn.Linear(5 * shape[1] * shape[2], 7),
            tanh=nn.Tanh(),
            head=nn.Linear(7, answers),
        )
    )


def normalised(shape: tuple[int, ...], answers: int, *, dropout: float = 0.0) -> nn.Module:
    """Return two layers with batch normalisation and dropout."""
    size = int(torch.Size(shape).numel())
    hidden = [nn.Flatten(), nn.Linear(size, 8), nn.BatchNorm1d(8), nn.ReLU(), nn.Dropout(dropout)]
    return nn.Sequential(*hidden, nn.Linear(8, answers))


class Recurrent(nn.Module):
    """A recurrent layer over the lines of a picture."""

    def __init__(self, shape: tuple[int, ...], answers: int, kind: type[nn.Module] = nn.LSTM) -> None:
        super().__init__()
        self.layer = kind(shape[0] * shape[2], 6, batch_first=True)
        self.head = nn.Linear(6, answers)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.head(self.layer(x.movedim(1, 2).flatten(2))[0][:, -1])


class Adapted(nn.Module):
    """A frozen base of random weights with a low-rank adapter, and a head that is trained."""

    def __init__(self, shape: tuple[int, ...], answers: int, width: int = 16, rank: int = 2) -> None:
        super().__init__()
        size = int(torch.Size(shape).numel())
        self.base = nn.Linear(size, width).requires_grad_(False)
        self.down, self.up = nn.Linear(size, rank, bias=False), nn.Linear(rank, width, bias=False)
        self.head = nn.Linear(width, answers)
        nn.init.zeros_(self.up.weight)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        flat = x.flatten(1)
        return self.head(torch.relu(self.base(flat) + self.up(self.down(flat))))


class Remembering(nn.Module):
    """Keeps, while it is evaluated, what it made of its parameters when it was first asked."""

    def __init__(self, shape: tuple[int, ...], answers: int) -> None:
        super().__init__()
        self.layer, self.scale = (
            nn.Linear(int(torch.Size(shape).numel()), answers),
            nn.Parameter(torch.ones(1)),
        )
        self.kept: torch.Tensor | None = None

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        if self.training or self.kept is None:
            self.kept = 2 * self.scale
        return self.layer(x.flatten(1)) * self.kept


class Tied(nn.Module):
    """Foretells tokens by the table that it reads them with."""

    def __init__(self, shape: tuple[int, ...], answers: int) -> None:
        super().__init__()
        self.table, self.mix = nn.Embedding(answers, 6), nn.Linear(6, 6)
        self.out = nn.Linear(6, answers, bias=False)
        self.out.weight = self.table.weight

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.out(torch.relu(self.mix(self.table(x))))


def own(factory: Callable[..., nn.Module], **options: object) -> Module:
    return Module(factory=f"{factory.__module__}:{factory.__name__}", options=options)


OWN = {
    "flattened": own(flattened),
    "normalised": own(normalised),
    "dropout": own(normalised, dropout=0.5),
    "recurrent": own(Recurrent),
    "adapted": own(Adapted),
    "remembering": own(Remembering),
    "tied": own(Tied),
}
