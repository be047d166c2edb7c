"""Small modules of every kind that people build, to be traced; each maps a batch to answers."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from tests.agents.learning.symmetries.zoo_of_lookups import LOOKUPS, PICTURE, WORDS


def mlp() -> nn.Module:
    return nn.Sequential(
        nn.Flatten(), nn.Linear(48, 7), nn.ReLU(), nn.Linear(7, 6), nn.GELU(), nn.Linear(6, 5)
    )


class Residual(nn.Module):
    """A residual block, after or before the activation, with a projection where the width changes."""

    def __init__(self, into: int, out: int, norm: type[nn.Module], first: bool) -> None:
        super().__init__()
        self.first = first
        self.one, self.two = nn.Conv2d(into, out, 3, padding=1), nn.Conv2d(out, out, 3, padding=1)
        self.norms = nn.ModuleList([norm(into if first else out), norm(out)])
        self.short = nn.Identity() if into == out else nn.Conv2d(into, out, 1)

    def forward(self, x: Tensor) -> Tensor:
        if self.first:
            x1 = self.one(F.relu(self.norms[0](x)))
            return self.short(x) + self.two(F.relu(self.norms[1](x1)))
        inner = self.norms[1](self.two(F.silu(self.norms[0](self.one(x)))))
        return F.relu(inner.add_(self.short(x)))


def of_groups(channels: int) -> nn.Module:
    return nn.GroupNorm(2, channels)


class ResNet(nn.Module):
    """Residual blocks of two widths."""

    def __init__(self, norm: type[nn.Module], first: bool) -> None:
        super().__init__()
        self.stem = nn.Conv2d(3, 6, 3, padding=1)
        self.blocks = nn.Sequential(Residual(6, 6, norm, first), Residual(6, 8, norm, first))
        self.head = nn.Linear(8, 5)

    def forward(self, x: Tensor) -> Tensor:
        return self.head(self.blocks(self.stem(x)).mean((2, 3)))


class Bottleneck(nn.Module):
    """A bottleneck with a grouped convolution (ResNeXt) and squeeze-and-excitation."""

    def __init__(self) -> None:
        super().__init__()
        self.into, self.inner, self.out = (
            nn.Conv2d(3, 12, 1),
            nn.Conv2d(12, 12, 3, 1, 1, 1, 4),
            nn.Conv2d(12, 3, 1),
        )
        self.squeeze, self.excite = nn.Linear(12, 4), nn.Linear(4, 12)
        self.head = nn.Linear(3, 5)

    def forward(self, x: Tensor) -> Tensor:
        h = F.relu(self.inner(F.relu(self.into(x))))
        gate = torch.sigmoid(self.excite(F.relu(self.squeeze(h.mean((2, 3))))))
        return self.head((x + self.out(h * gate[..., None, None])).amax((2, 3)))


class Dense(nn.Module):
    """Concatenation of all that came before (DenseNet)."""

    def __init__(self) -> None:
        super().__init__()
        self.layers = nn.ModuleList(nn.Conv2d(width, 4, 3, padding=1) for width in (3, 7, 11))
        self.norms = nn.ModuleList(nn.BatchNorm2d(width) for width in (3, 7, 11))
        self.head = nn.Linear(15, 5)

    def forward(self, x: Tensor) -> Tensor:
        for layer, norm in zip(self.layers, self.norms, strict=True):
            x = torch.cat([x, layer(F.relu(norm(x)))], 1)
        return self.head(F.adaptive_avg_pool2d(x, 1).flatten(1))


class UNet(nn.Module):
    """Down, up by a transposed convolution, and a skip by concatenation."""

    def __init__(self) -> None:
        super().__init__()
        self.down, self.deep = nn.Conv2d(3, 6, 3, padding=1), nn.Conv2d(6, 8, 3, padding=1)
        self.up, self.out = nn.ConvTranspose2d(8, 4, 2, 2), nn.Conv2d(10, 5, 1)

    def forward(self, x: Tensor) -> Tensor:
        skip = F.leaky_relu(self.down(x))
        deep = F.relu(self.deep(F.max_pool2d(skip, 2)))
        return self.out(torch.cat([skip, self.up(deep)], 1)).mean((2, 3))


class Flattened(nn.Module):
    """A convolution whose pictures are flattened before the linear layer."""

    def __init__(self) -> None:
        super().__init__()
        self.conv, self.hidden, self.head = nn.Conv2d(3, 6, 3), nn.Linear(6 * 4, 7), nn.Linear(7, 5)

    def forward(self, x: Tensor) -> Tensor:
        return self.head(torch.tanh(self.hidden(self.conv(x).relu().view(len(x), -1))))


class Separable(nn.Module):
    """Depthwise and pointwise convolutions (MobileNet), with a multiplier, and hard activations."""

    def __init__(self) -> None:
        super().__init__()
        self.expand, self.depth = nn.Conv2d(3, 6, 1), nn.Conv2d(6, 12, 3, padding=1, groups=6)
        self.norm, self.point, self.head = nn.BatchNorm2d(12), nn.Conv2d(12, 8, 1), nn.Linear(8, 5)

    def forward(self, x: Tensor) -> Tensor:
        h = F.hardswish(self.norm(self.depth(F.relu6(self.expand(x)))))
        return self.head(self.point(h).amax((-2, -1)))


class Shuffled(nn.Module):
    """Channels are shuffled between groups (ShuffleNet)."""

    def __init__(self) -> None:
        super().__init__()
        self.one, self.two = nn.Conv2d(3, 12, 1), nn.Conv2d(12, 12, 1, groups=3)
        self.three, self.head = nn.Conv2d(12, 12, 1, groups=3), nn.Linear(12, 5)

    def forward(self, x: Tensor) -> Tensor:
        h = F.relu(self.two(F.relu(self.one(x))))
        h = h.view(len(x), 3, 4, 4, 4).transpose(1, 2).reshape(len(x), 12, 4, 4)
        return self.head(self.three(h).mean((2, 3)))


class Mixer(nn.Module):
    """MLP-Mixer: patches mix, then channels."""

    def __init__(self) -> None:
        super().__init__()
        self.patches = nn.Conv2d(3, 8, 2, 2)
        self.norms = nn.ModuleList(nn.LayerNorm(8) for _ in range(2))
        self.tokens = nn.Sequential(nn.Linear(4, 6), nn.GELU(), nn.Linear(6, 4))
        self.channels = nn.Sequential(nn.Linear(8, 10), nn.GELU(), nn.Linear(10, 8))
        self.head = nn.Linear(8, 5)

    def forward(self, x: Tensor) -> Tensor:
        h = self.patches(x).flatten(2).transpose(1, 2)
        h = h + self.tokens(self.norms[0](h).transpose(1, 2)).transpose(1, 2)
        return self.head((h + self.channels(self.norms[1](h))).mean(1))


class Attention(nn.Module):
    """Attention with a packed projection, as vision transformers write it."""

    def __init__(self, width: int, heads: int, causal: bool = False) -> None:
        super().__init__()
        self.heads, self.causal = heads, causal
        self.qkv, self.out = nn.Linear(width, 3 * width), nn.Linear(width, width)

    def forward(self, x: Tensor) -> Tensor:
        batch, length, _ = x.shape
        q, k, v = self.qkv(x).reshape(batch, length, 3, self.heads, -1).permute(2, 0, 3, 1, 4).unbind(0)
        return self.out(
            F.scaled_dot_product_attention(q, k, v, is_causal=self.causal).transpose(1, 2).flatten(2)
        )


class VisionTransformer(nn.Module):
    """Pre-norm blocks on patches, with a token of the class and learnt places."""

    def __init__(self) -> None:
        super().__init__()
        self.patches = nn.Conv2d(3, 8, 2, 2)
        self.token, self.places = nn.Parameter(torch.randn(1, 1, 8)), nn.Parameter(torch.randn(1, 5, 8))
        self.norms = nn.ModuleList(nn.LayerNorm(8) for _ in range(3))
        self.attention, self.scale = Attention(8, 2), nn.Parameter(torch.ones(8))
        self.inner, self.outer, self.head = nn.Linear(8, 12), nn.Linear(12, 8), nn.Linear(8, 5)

    def forward(self, x: Tensor) -> Tensor:
        h = self.patches(x).flatten(2).transpose(1, 2)
        h = torch.cat([self.token.expand(len(x), -1, -1), h], 1) + self.places
        h = h + self.scale * self.attention(self.norms[0](h))
        h = h + self.outer(F.gelu(self.inner(self.norms[1](h))))
        return self.head(self.norms[2](h)[:, 0])


class Decoder(nn.Module):
    """A decoder with tied words, causal attention, root mean squares and gated units (GPT, Llama)."""

    def __init__(self) -> None:
        super().__init__()
        self.words, self.places = nn.Embedding(11, 8), nn.Embedding(6, 8)
        self.attention, self.norm, self.last = Attention(8, 4, causal=True), nn.RMSNorm(8), nn.RMSNorm(8)
        self.gate, self.up, self.down = (
            nn.Linear(*sizes, bias=False) for sizes in ((8, 12), (8, 12), (12, 8))
        )
        self.head = nn.Linear(8, 11, bias=False)
        self.head.weight = self.words.weight

    def forward(self, x: Tensor) -> Tensor:
        h = self.words(x) + self.places(torch.arange(x.shape[1]))
        h = h + self.attention(self.norm(h))
        return self.head(self.last(h + self.down(F.silu(self.gate(h)) * self.up(h))))


class Rotary(nn.Module):
    """Attention with fewer keys than queries and rotated places, halves of each head apart."""

    def __init__(self) -> None:
        super().__init__()
        self.words, self.q, self.kv = nn.Embedding(11, 8), nn.Linear(8, 16), nn.Linear(8, 8 + 8)
        self.out, self.head = nn.Linear(16, 8), nn.Linear(8, 11)

    def forward(self, x: Tensor) -> Tensor:
        h = self.words(x)
        q = self.q(h).unflatten(-1, (4, 4)).transpose(1, 2)
        k, v = (one.unflatten(-1, (2, 4)).transpose(1, 2) for one in self.kv(h).chunk(2, -1))
        angle = torch.arange(x.shape[1], dtype=h.dtype)[:, None] * torch.tensor([1.0, 0.1], dtype=h.dtype)
        cos, sin = torch.cat([angle, angle], -1).cos(), torch.cat([angle, angle], -1).sin()

        def rotated(one: Tensor) -> Tensor:
            left, right = one.chunk(2, -1)
            return one * cos + torch.cat([-right, left], -1) * sin

        k, v = (one.repeat_interleave(2, 1) for one in (k, v))
        mixed = F.scaled_dot_product_attention(rotated(q), rotated(k), v)
        return self.head(self.out(mixed.transpose(1, 2).flatten(2)))


class Recurrent(nn.Module):
    """A recurrent layer over words, and an answer from its last state."""

    def __init__(self, kind: type[nn.RNNBase], **options: int) -> None:
        super().__init__()
        self.words, self.layer = nn.Embedding(11, 6), kind(6, 7, batch_first=True, **options)
        self.head = nn.Linear(14 if options.get("bidirectional") else 7, 5)

    def forward(self, x: Tensor) -> Tensor:
        return self.head(self.layer(self.words(x))[0][:, -1])


class Encoder(nn.Module):
    """What torch calls a transformer encoder."""

    def __init__(self, first: bool) -> None:
        super().__init__()
        self.words = nn.Embedding(11, 8)
        layer = nn.TransformerEncoderLayer(8, 2, 12, batch_first=True, norm_first=first)
        self.layers, self.head = nn.TransformerEncoder(layer, 2, enable_nested_tensor=False), nn.Linear(8, 5)

    def forward(self, x: Tensor) -> Tensor:
        return self.head(self.layers(self.words(x)).mean(1))


class Gated(nn.Module):
    """A gated linear unit, Maxout over pieces, and a highway, all by cutting one layer's answers."""

    def __init__(self) -> None:
        super().__init__()
        self.one, self.two = nn.Linear(48, 12), nn.Linear(6, 12)
        self.three, self.head = nn.Linear(4, 8), nn.Linear(4, 5)

    def forward(self, x: Tensor) -> Tensor:
        h = F.glu(self.one(x.flatten(1)))
        h = self.two(h).view(len(x), 4, 3).amax(-1)
        new, gate = self.three(h).split(4, -1)
        carry = torch.sigmoid(gate)
        return self.head(carry * torch.tanh(new) + (1 - carry) * h)


class Shared(nn.Module):
    """One layer carried out three times, and a loop over a list."""

    def __init__(self) -> None:
        super().__init__()
        self.into, self.again, self.head = nn.Linear(48, 8), nn.Linear(8, 8), nn.Linear(8, 5)

    def forward(self, x: Tensor) -> Tensor:
        h = self.into(x.flatten(1))
        for _ in range(3):
            h = h + F.relu(self.again(h))
        return self.head(h)


class Tied(nn.Module):
    """An autoencoder whose decoder is the encoder transposed."""

    def __init__(self) -> None:
        super().__init__()
        self.weight, self.bias = nn.Parameter(torch.randn(9, 48)), nn.Parameter(torch.randn(9))

    def forward(self, x: Tensor) -> Tensor:
        return torch.einsum(
            "bh,hi->bi", torch.relu(F.linear(x.flatten(1), self.weight, self.bias)), self.weight
        )


class Capsule(nn.Module):
    """Experts of one shape, weighed by a gate (a soft mixture of experts)."""

    def __init__(self) -> None:
        super().__init__()
        self.gate = nn.Linear(48, 3)
        self.into, self.out = nn.Parameter(torch.randn(3, 48, 6)), nn.Parameter(torch.randn(3, 6, 5))

    def forward(self, x: Tensor) -> Tensor:
        flat = x.flatten(1)
        hidden = torch.relu(torch.einsum("bi,eih->beh", flat, self.into))
        answers = torch.einsum("beh,ehk->bek", hidden, self.out)
        return (self.gate(flat).softmax(-1)[..., None] * answers).sum(1)


class Wave(nn.Module):
    """Dilated convolutions over a sequence, gated, with skips (WaveNet), and a shifted copy."""

    def __init__(self) -> None:
        super().__init__()
        self.into, self.layers = (
            nn.Conv1d(6, 8, 1),
            nn.ModuleList(nn.Conv1d(8, 16, 2, dilation=d) for d in (1, 2)),
        )
        self.skips, self.head = nn.ModuleList(nn.Conv1d(8, 4, 1) for _ in range(2)), nn.Conv1d(4, 5, 1)

    def forward(self, x: Tensor) -> Tensor:
        h, out = self.into(x), 0
        for layer, skip in zip(self.layers, self.skips, strict=True):
            both = layer(F.pad(h, (layer.dilation[0], 0)))
            new = torch.tanh(both[:, :8]) * torch.sigmoid(both[:, 8:])
            h, out = h + new, out + skip(new)
        return self.head(F.relu(out)).mean(-1)


ZOO = {
    "mlp": (mlp, PICTURE),
    "resnet, batch norm": (lambda: ResNet(nn.BatchNorm2d, False), PICTURE),
    "resnet, activation first": (lambda: ResNet(nn.BatchNorm2d, True), PICTURE),
    "resnet, group norm": (lambda: ResNet(of_groups, False), PICTURE),
    "resnext with squeeze and excitation": (Bottleneck, PICTURE),
    "densenet": (Dense, PICTURE),
    "unet": (UNet, PICTURE),
    "flattened pictures": (Flattened, PICTURE),
    "depthwise separable": (Separable, PICTURE),
    "shuffled channels": (Shuffled, PICTURE),
    "mixer": (Mixer, PICTURE),
    "vision transformer": (VisionTransformer, PICTURE),
    "decoder with tied words": (Decoder, WORDS),
    "rotary attention with shared keys": (Rotary, WORDS),
    "lstm": (lambda: Recurrent(nn.LSTM), WORDS),
    "two layers of lstm, both ways": (lambda: Recurrent(nn.LSTM, num_layers=2, bidirectional=True), WORDS),
    "gru": (lambda: Recurrent(nn.GRU), WORDS),
    "plain recurrence": (lambda: Recurrent(nn.RNN), WORDS),
    "encoder": (lambda: Encoder(False), WORDS),
    "encoder, norm first": (lambda: Encoder(True), WORDS),
    "gated and cut": (Gated, PICTURE),
    "a shared layer": (Shared, PICTURE),
    "tied weights": (Tied, PICTURE),
    "experts": (Capsule, PICTURE),
    "waves": (Wave, (6, 9)),
    **LOOKUPS,
}
"""How to make each, and the shape of an example."""


def example(shape: tuple[int, ...], count: int = 3) -> Tensor:
    """Return examples in double precision, or words."""
    if len(shape) == 1:
        return torch.randint(0, 11, (count, *shape))
    return torch.randn(count, *shape, dtype=torch.float64)
