"""Convolution and pooling of stacked images, ``[N, B, H, W, C]``: slots first, channels last.

On a CPU a convolution goes through the library slot by slot. A grouped convolution of all slots would save
the calls, which pays for small images, but the library picks its algorithm by the number of groups, so that a
slot's result would depend on how many others are computed beside it. One slot at a time it depends on nothing
else; and it is two to five times as fast as a product of patches with kernels, which has to write and read
every pixel nine times. Only where a slot has a single image, whose arithmetic is less than the call, patches
are faster. On an accelerator all slots are one grouped convolution.

A kernel of a single pixel looks at no neighbours: its convolution is a product of pixels with kernels, on
every device. With a stride, a few input channels and channels last, the library's backward pass (oneDNN's for
AVX2, in torch 2.13) writes beyond its memory.
"""

from collections.abc import Sequence
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from agents.learning.networks.base import Symmetries
from agents.learning.networks.products import product

KERNEL = 3
"""Side of the kernels that look at neighbours."""


def convolve(x: Tensor, kernel: Tensor, bias: Tensor | None = None, stride: int = 1) -> Tensor:
    """Return the convolution of every slot's images with its own kernels, ``[N, B, H', W', U]``.

    Zeros surround the images, as many as leave their size alone at stride 1.

    Parameters
    ----------
    x : Tensor
        Images ``[N, B, H, W, C]``, or ``[1, B, H, W, C]``, the same for all slots.
    kernel, bias : Tensor
        Kernels ``[N, U, C, k, k]``, k odd, and what is added to each channel ``[N, U]``.
    stride : int
        Pixels from one output to the next.
    """
    on_cpu = x.device.type == "cpu"
    if kernel.shape[-1] == 1 or (on_cpu and x.shape[1] == 1):
        return convolve_patches(x, kernel, bias, stride)
    if on_cpu:
        return _SlotBySlot.apply(x, kernel, bias, stride)
    return convolve_in_groups(x, kernel, bias, stride)


def convolve_in_groups(x: Tensor, kernel: Tensor, bias: Tensor | None = None, stride: int = 1) -> Tensor:
    """Return what `convolve` returns, by one call for all slots; the last bits depend on their number."""
    slots, units = kernel.shape[:2]
    size, side = x.shape[2:4], kernel.shape[-1] // 2
    # [N, B, H, W, C] to [B, N C, H, W]
    planes = x.expand(slots, -1, -1, -1, -1).permute(1, 0, 4, 2, 3).reshape(x.shape[1], -1, *size)
    flat = None if bias is None else bias.flatten()
    z = F.conv2d(planes, kernel.flatten(0, 1), flat, stride, side, groups=slots)
    return z.unflatten(1, (slots, units)).permute(1, 0, 3, 4, 2)


def convolve_patches(x: Tensor, kernel: Tensor, bias: Tensor | None = None, stride: int = 1) -> Tensor:
    """Return what `convolve` returns, as a product of patches with kernels."""
    height, width = (-(-side // stride) for side in x.shape[2:4])
    seen = patches(x, kernel.shape[-1], stride).flatten(1, 2).expand(len(kernel), -1, -1)
    offset = None if bias is None else bias.unsqueeze(1)
    z = product(seen, kernel.flatten(2).transpose(1, 2), offset)
    return z.unflatten(1, (x.shape[1], height, width))


def chain_symmetries(layers: Sequence[str], roles: Sequence[str]) -> Symmetries:
    """Return the permutations of the channels of convolutions one after the other, and a head.

    The channels of a layer move the first axes of its own tensors, ``layer.role``, and the second axis of the
    weight that follows.
    """
    after = [*[f"{layer}.conv.weight" for layer in layers[1:]], "head.weight"]
    return {
        f"{layer}.units": (*[(f"{layer}.{role}", 0) for role in roles], (following, 1))
        for layer, following in zip(layers, after, strict=True)
    }


def pool(x: Tensor, kind: str = "max") -> Tensor:
    """Return the maximum or average over 2 x 2 fields of ``[N, B, H, W, C]``; an odd last line drops."""
    planes = x.flatten(0, 1).permute(0, 3, 1, 2)
    pooled = F.max_pool2d(planes, 2) if kind == "max" else F.avg_pool2d(planes, 2)
    return pooled.permute(0, 2, 3, 1).unflatten(0, x.shape[:2])


def patches(x: Tensor, side: int = KERNEL, stride: int = 1) -> Tensor:
    """Return what a kernel sees at its places in ``[N, B, H, W, C]``: ``[N, B, places, C side side]``.

    The order behind is that of a kernel's own axes; zeros surround the images.
    """
    if side == 1:
        return x[:, :, ::stride, ::stride].flatten(2, 3)
    planes = x.flatten(0, 1).permute(0, 3, 1, 2)
    seen = F.unfold(planes, side, padding=side // 2, stride=stride)
    return seen.transpose(1, 2).unflatten(0, x.shape[:2])


class _SlotBySlot(torch.autograd.Function):
    """Convolution that keeps its inputs alone for the way back, not the patches."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, kernel: Tensor, bias: Tensor | None, stride: int) -> Tensor:
        ctx.save_for_backward(x, kernel)
        ctx.stride, ctx.biased = stride, bias is not None
        side = kernel.shape[-1] // 2
        shared = len(x) == 1
        out: Tensor | None = None
        for slot in range(len(kernel)):
            offset = None if bias is None else bias[slot]
            planes = x[0 if shared else slot].permute(0, 3, 1, 2)
            z = F.conv2d(planes, kernel[slot], offset, stride, side).permute(0, 2, 3, 1)
            if out is None:
                out = z.new_empty(len(kernel), *z.shape)
            out[slot] = z
        return x.new_empty(0) if out is None else out

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, ...]:
        x, kernel = ctx.saved_tensors
        side, units = kernel.shape[-1] // 2, kernel.shape[1]
        wanted = [*ctx.needs_input_grad[:2], ctx.biased and ctx.needs_input_grad[2]]
        found = [[], [], []]  # type: list[list[Tensor]]
        for slot, gradient in enumerate(gradients[0]):
            planes = x[0 if len(x) == 1 else slot].permute(0, 3, 1, 2)
            parts = torch.ops.aten.convolution_backward(
                gradient.permute(0, 3, 1, 2), planes, kernel[slot], [units],
                [ctx.stride] * 2, [side] * 2, [1, 1], False, [0, 0], 1, wanted,
            )  # fmt: skip
            for kept, part in zip(found, parts, strict=True):
                kept.append(part)
        dx, dkernel, dbias = (
            torch.stack(parts) if want else None for parts, want in zip(found, wanted, strict=True)
        )
        if dx is not None:
            dx = dx.permute(0, 1, 3, 4, 2)
            if len(x) == 1:
                dx = dx.sum(0, keepdim=True)
        return dx, dkernel, dbias, None
