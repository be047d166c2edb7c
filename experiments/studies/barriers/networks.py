"""Plain torch modules whose barriers are measured: nothing about symmetries is said in them.

Each function takes the shape of an image ``(C, H, W)`` and the number of classes.
"""

import torch.nn.functional as F
from torch import Tensor, nn, randn

Shape = tuple[int, int, int]


def mlp(shape: Shape, classes: int, width: int = 64) -> nn.Module:
    """Return three hidden layers."""
    size = shape[0] * shape[1] * shape[2]
    layers = [nn.Linear(before, width) for before in (size, width, width)]
    hidden = [one for layer in layers for one in (layer, nn.ReLU())]
    return nn.Sequential(nn.Flatten(), *hidden, nn.Linear(width, classes))


class _Residual(nn.Module):
    def __init__(self, width: int) -> None:
        super().__init__()
        self.one, self.two = (nn.Conv2d(width, width, 3, padding=1, bias=False) for _ in range(2))
        self.norms = nn.ModuleList(nn.BatchNorm2d(width) for _ in range(2))

    def forward(self, x: Tensor) -> Tensor:
        inner = self.norms[1](self.two(F.relu(self.norms[0](self.one(x)))))
        return F.relu(x + inner)


def resnet(shape: Shape, classes: int, width: int = 24) -> nn.Module:
    """Return a residual network of two blocks with batch normalisation."""
    stem = [nn.Conv2d(shape[0], width, 3, padding=1, bias=False), nn.BatchNorm2d(width), nn.ReLU()]
    blocks = [_Residual(width), nn.MaxPool2d(2), _Residual(width)]
    return nn.Sequential(*stem, *blocks, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(width, classes))


class VisionTransformer(nn.Module):
    """Two blocks of attention over patches of 2 x 2."""

    def __init__(self, shape: Shape, classes: int, width: int = 32, heads: int = 4) -> None:
        super().__init__()
        self.patches = nn.Conv2d(shape[0], width, 2, 2)
        self.places = nn.Parameter(0.1 * randn(1, (shape[1] // 2) * (shape[2] // 2), width))
        layer = nn.TransformerEncoderLayer(width, heads, 2 * width, 0.0, batch_first=True, norm_first=True)
        self.blocks = nn.TransformerEncoder(layer, 2, nn.LayerNorm(width), enable_nested_tensor=False)
        self.head = nn.Linear(width, classes)

    def forward(self, x: Tensor) -> Tensor:
        """Return logits ``[B, K]``."""
        return self.head(self.blocks(self.patches(x).flatten(2).transpose(1, 2) + self.places).mean(1))


class LSTM(nn.Module):
    """A recurrent layer over the lines of an image."""

    def __init__(self, shape: Shape, classes: int, width: int = 64) -> None:
        super().__init__()
        self.layer = nn.LSTM(shape[0] * shape[2], width, batch_first=True)
        self.head = nn.Linear(width, classes)

    def forward(self, x: Tensor) -> Tensor:
        """Return logits ``[B, K]``."""
        return self.head(self.layer(x.movedim(1, 2).flatten(2))[0][:, -1])
