"""Normalisation of stacked images, ``[N, B, H, W, C]``."""

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from agents.learning.networks.products import product

EPSILON = 1e-5
"""Added to a variance, as torch does."""


def normalise_examples(z: Tensor, scale: Tensor, shift: Tensor) -> Tensor:
    """Return every example with mean 0 and variance 1 over all its pixels and channels, scaled and shifted.

    This is group normalisation with one group (Wu and He 2018); `scale` and `shift` are ``[N, C]``. An
    example's result depends on that example alone, and there are no running statistics that a merge would
    spoil.
    """
    normal = F.layer_norm(z, z.shape[2:], eps=EPSILON)
    if not normal.requires_grad and not scale.requires_grad:
        normal.mul_(scale[:, None, None, None])
        return normal.add_(shift[:, None, None, None])
    return _scaled(normal, scale, shift)


def normalise_channels(z: Tensor, mean: Tensor, variance: Tensor, scale: Tensor, shift: Tensor) -> Tensor:
    """Return channels less their mean over their standard deviation, scaled and shifted; all ``[N, C]``."""
    slope = scale * torch.rsqrt(variance + EPSILON)
    return _scaled(z, slope, shift - mean * slope)


def batch_normalise(z: Tensor, weight: Tensor, scale: Tensor, shift: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Normalise channels by the batch's own mean and variance, over its rows of weight 1.

    Source: Ioffe and Szegedy (2015), "Batch normalization", algorithm 1.

    Parameters
    ----------
    z : Tensor
        ``[N, B, H, W, C]``.
    weight : Tensor
        1 for rows in the batch or 0 for padding, ``[N, B]``; at least one row of a slot should count.
    scale, shift : Tensor
        ``[N, C]``.

    Returns
    -------
    Tensor, Tensor, Tensor
        Normalised ``[N, B, H, W, C]``, and the mean and the (biased) variance of each channel, ``[N, C]``,
        through which no gradient flows.
    """
    pixels = z.shape[2] * z.shape[3]
    rows = weight.to(z.dtype).repeat_interleave(pixels, 1)
    normal, mean, variance = _OverRows.apply(z.flatten(1, 3), rows)
    return _scaled(normal.view(z.shape), scale, shift), mean, variance


def _scaled(z: Tensor, scale: Tensor, shift: Tensor) -> Tensor:
    return (z * scale[:, None, None, None]).add_(shift[:, None, None, None])


class _OverRows(torch.autograd.Function):
    """``[N, R, C]`` with mean 0 and variance 1 over the rows of weight 1.

    Sums over rows are products with the weights, so that those of a slot do not depend on the other slots.
    """

    @staticmethod
    def forward(ctx: Any, z: Tensor, rows: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        share = rows / rows.sum(1, keepdim=True).clamp(min=1)
        mean = product(share.unsqueeze(1), z)
        centred = z - mean
        variance = product(share.unsqueeze(1), centred.square())
        root = torch.rsqrt(variance + EPSILON)
        normal = centred.mul_(root)
        ctx.save_for_backward(normal, root, rows, share)
        mean, variance = mean.squeeze(1), variance.squeeze(1)
        ctx.mark_non_differentiable(mean, variance)
        return normal, mean, variance

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None]:
        normal, root, rows, share = ctx.saved_tensors
        gradient = gradients[0] * rows.unsqueeze(2)
        level = product(share.unsqueeze(1), gradient)
        tilt = product(share.unsqueeze(1), gradient * normal)
        return (gradient - rows.unsqueeze(2) * (level + normal * tilt)).mul_(root), None
