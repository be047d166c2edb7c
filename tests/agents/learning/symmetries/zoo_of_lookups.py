"""More of the zoo: modules that look numbers up, repeat them, or lay them side by side and reshape them."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

PICTURE, WORDS = (3, 4, 4), (6,)


class RelativePlaces(nn.Module):
    """Attention with a bias for each distance, looked up, and biases of queries and values alone (BEiT)."""

    def __init__(self) -> None:
        super().__init__()
        self.words, self.qkv = nn.Embedding(11, 8), nn.Linear(8, 24, bias=False)
        self.of_q, self.of_v = nn.Parameter(torch.randn(8)), nn.Parameter(torch.randn(8))
        self.far, self.out, self.head = nn.Parameter(torch.randn(11, 4)), nn.Linear(8, 8), nn.Linear(8, 5)
        places = torch.arange(6)
        self.register_buffer("distance", places[:, None] - places + 5)
        self.register_buffer("of_k", torch.zeros(8))

    def forward(self, x: Tensor) -> Tensor:
        bias = torch.cat([self.of_q, self.of_k, self.of_v])
        qkv = F.linear(self.words(x), self.qkv.weight, bias)
        q, k, v = qkv.reshape(len(x), 6, 3, 4, 2).permute(2, 0, 3, 1, 4).unbind(0)
        table = self.far[self.distance.view(-1)].view(6, 6, 4).permute(2, 0, 1)
        mixed = ((q @ k.transpose(-2, -1)) + table).softmax(-1) @ v
        return self.head(self.out(mixed.transpose(1, 2).flatten(2)).mean(1))


class LastChannels(nn.Module):
    """Layers on pictures whose channels come last, then first, and one average of all (ConvNeXt)."""

    def __init__(self) -> None:
        super().__init__()
        self.patches, self.depth = nn.Conv2d(3, 6, 2, 2), nn.Conv2d(6, 6, 3, padding=1, groups=6)
        self.norm, self.one, self.two = nn.LayerNorm(6), nn.Linear(6, 9), nn.Linear(9, 6)
        self.scale, self.head = nn.Parameter(torch.ones(6, 1, 1)), nn.Linear(6, 5)

    def forward(self, x: Tensor) -> Tensor:
        h = self.patches(x)
        inner = self.two(F.gelu(self.one(self.norm(self.depth(h).permute(0, 2, 3, 1))))).permute(0, 3, 1, 2)
        return self.head(F.adaptive_avg_pool2d(h + self.scale * inner, 1).flatten(1))


class Halves(nn.Module):
    """One half of the channels passes by, and both are shuffled (ShuffleNet V2)."""

    def __init__(self) -> None:
        super().__init__()
        self.into, self.branches = nn.Conv2d(3, 8, 1), nn.ModuleList(nn.Conv2d(4, 4, 1) for _ in range(2))
        self.head = nn.Linear(8, 5)

    def forward(self, x: Tensor) -> Tensor:
        h = self.into(x)
        for branch in self.branches:
            left, right = h.chunk(2, 1)
            both = torch.cat([left, F.relu(branch(right))], 1)
            h = both.view(len(x), 2, 4, 4, 4).transpose(1, 2).flatten(1, 2)
        return self.head(h.mean((2, 3)))


class LookedUp(nn.Module):
    """Hidden units at places that are named by numbers: of an example, of all, of each unit."""

    def __init__(self) -> None:
        super().__init__()
        self.words, self.one, self.two = nn.Embedding(11, 6), nn.Linear(6, 7), nn.Linear(7, 9)
        self.register_buffer("order", torch.tensor([3, 0, 5, 1]))
        self.head = nn.Linear(9, 5)

    def forward(self, x: Tensor) -> Tensor:
        h = torch.relu(self.one(self.words(x))).index_select(1, self.order)
        last = h[torch.arange(len(x)), x[:, 0] % 4]
        best = h.gather(1, (x[:, :1, None] % 4).repeat(1, 1, 7))
        same = last.repeat(3, 1).view(3, len(x), 7).mean(0)
        best = best[:, 0] * h.max(1)[0] + h.max()
        return self.head(torch.tanh(self.two(same + best)))


class Windows(nn.Module):
    """What a window sees is laid side by side, and places of another grid are stretched (TNT, FlexiViT)."""

    def __init__(self) -> None:
        super().__init__()
        self.into, self.mix, self.head = nn.Conv2d(3, 6, 1), nn.Linear(6 * 4, 7), nn.Linear(7, 5)
        self.places = nn.Parameter(torch.randn(1, 9, 7))

    def forward(self, x: Tensor) -> Tensor:
        seen = F.unfold(self.into(x), 2, stride=2)
        seen = F.unfold(F.fold(seen.relu(), (4, 4), 2, stride=2), 2, stride=2)
        h = self.mix(seen.transpose(1, 2))
        grid = self.places.view(1, 3, 3, 7).permute(0, 3, 1, 2)
        stretched = F.interpolate(grid, (2, 2), mode="bicubic", antialias=True, align_corners=False)
        return self.head(torch.relu(h + stretched.flatten(2).transpose(1, 2)).amax(1))


class NoPrefix(nn.Module):
    """Tokens of a prefix, of which there are none, are left out of a product."""

    def __init__(self) -> None:
        super().__init__()
        self.words, self.one, self.head = nn.Embedding(11, 6), nn.Linear(6, 7), nn.Linear(7, 5)

    def forward(self, x: Tensor) -> Tensor:
        h = self.one(self.words(x))
        return self.head(torch.cat([h[:, :0], torch.tanh(h[:, 0:])], 1).mean(1))


class AsksForNumbers(nn.Module):
    """Goes on with what a mask selects, as many words as these are."""

    def __init__(self) -> None:
        super().__init__()
        self.words, self.one, self.head = nn.Embedding(11, 6), nn.Linear(6, 7), nn.Linear(7, 5)

    def forward(self, x: Tensor) -> Tensor:
        known = x.flatten()[x.flatten() > int(x.min())]
        return self.head(torch.tanh(self.one(self.words.weight[known].mean(0)))).expand(len(x), -1)


LOOKUPS = {
    "relative places": (RelativePlaces, WORDS),
    "channels last": (LastChannels, PICTURE),
    "halves that pass by": (Halves, PICTURE),
    "looked up by numbers": (LookedUp, WORDS),
    "windows": (Windows, PICTURE),
    "no prefix": (NoPrefix, WORDS),
}
