"""What networks of images share: convolutions first, a linear map of global averages last."""

import torch
from torch import Tensor

from agents.learning.networks.base import Architecture
from agents.learning.networks.convolutions import convolve
from agents.learning.networks.products import product
from agents.learning.stack.parameters import Parameters
from markets.refusals import InputError


class ImageArchitecture(Architecture):
    """A network whose first convolution is ``layer0.conv`` and whose last layer is the linear ``head``."""

    @property
    def stem_tensors(self) -> tuple[str, ...]:
        """Kernel of the first convolution, and its bias if it has one; normalisation is the trunk's."""
        return tuple(name for name in ("layer0.conv.weight", "layer0.conv.bias") if name in self.shapes)

    @property
    def stem_size(self) -> int:
        """Pre-activations of the first convolution."""
        _, height, width = self.input_shape
        return height * width * self.shapes["layer0.conv.weight"][0]

    def stem(self, parameters: Parameters, x: Tensor) -> Tensor:
        """Return the first pre-activation ``[N, B, H, W, h]``, before any normalisation."""
        batch = x if x.dim() == 5 else x.unsqueeze(0)
        kernel, bias = parameters["layer0.conv.weight"], parameters.get("layer0.conv.bias")
        return convolve(batch.movedim(2, -1), kernel, bias)

    def permute_stem(self, z: Tensor, permutations: dict[str, Tensor]) -> Tensor:
        """Return a stem ``[N, B, H, W, h]`` with its channels in the order of the stem's permutation."""
        return torch.take_along_dim(z, permutations["layer0.units"][:, None, None, None], -1)

    def answers(self, parameters: Parameters, h: Tensor) -> Tensor:
        """Return the logits ``[N, K, B]`` of the last layer's channels ``[N, B, H, W, C]``."""
        average = h.mean((2, 3)).transpose(1, 2)
        return product(parameters["head.weight"], average, parameters["head.bias"].unsqueeze(2))


def check_image(network: str, input_shape: tuple[int, ...]) -> None:
    """Raise ``InputError`` unless examples of a shape are images, (channels, height, width)."""
    if len(input_shape) != 3:
        raise InputError(
            f"network must be mlp or module for examples of shape {list(input_shape)}, which are no images; "
            f"got {network}"
        )
