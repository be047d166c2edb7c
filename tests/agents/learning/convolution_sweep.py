"""The convolutions of the shipped networks and of the tests' own against float64, gradients too.

    ONEDNN_MAX_CPU_ISA=AVX2 python -m tests.agents.learning.convolution_sweep [all]

prints those that crash, hang or are wrong: all of them, each in a process of its own, or the smaller ones
together. The library picks its kernels by the instructions of the processor; ``ONEDNN_MAX_CPU_ISA``, set
before it is loaded, lets one processor play an older one.
"""

import itertools
import multiprocessing
import os
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import astuple, dataclass
from pathlib import Path
from typing import Any
from unittest.mock import patch

os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")  # two threads must not spin where there is one core

import torch
import torch.nn.functional as F
import yaml

import conf
from agents.learning.networks import NETWORKS, Architecture
from agents.learning.networks.convolutions import convolve
from tests.agents.learning.conftest import ARCHITECTURES

IMAGES = {"digits": (1, 8, 8), "digits28": (1, 28, 28), "cifar10": (3, 32, 32)}
LAYOUTS = ("NCHW", "NHWC")
REPEATS, SECONDS, TOLERANCE = 50, 600, 1e-4
MOST = 2e9
"""Operations of the repeats of a candidate, so that large ones are repeated less."""


@dataclass(frozen=True, order=True)
class Convolution:
    """Channels in and out, size of the images, side of the kernels and stride."""

    ins: int
    units: int
    height: int
    width: int
    side: int
    stride: int

    @property
    def flops(self) -> int:
        """Operations of one image, forward."""
        pixels = -(-self.height // self.stride) * -(-self.width // self.stride)
        return 2 * pixels * self.ins * self.units * self.side**2


@dataclass(frozen=True)
class Candidate:
    """A convolution of `batch` images for each of two slots; `layout` is the axis order that memory has."""

    convolution: Convolution
    batch: int
    layout: str
    threads: int


def convolutions_of(architecture: Architecture) -> set[Convolution]:
    """Return the convolutions of a forward pass."""
    found = set()

    def note(x: torch.Tensor, kernel: torch.Tensor, bias: object = None, stride: int = 1) -> torch.Tensor:
        (height, width, ins), (units, side) = x.shape[2:], (kernel.shape[1], kernel.shape[-1])
        found.add(Convolution(ins, units, height, width, side, stride))
        return x.new_zeros(1, x.shape[1], -(-height // stride), -(-width // stride), units)

    zero = {name: torch.zeros(1).expand(1, *shape) for name, shape in architecture.shapes.items()}
    with ExitStack() as stack:
        for network in ("convnet", "resnet", "vgg"):
            stack.enter_context(patch(f"agents.learning.networks.{network}.convolve", note))
        architecture.forward(zero, torch.zeros(1, 1, *architecture.input_shape))
    return found


def shipped() -> Iterator[Architecture]:
    """Yield every network that can be chosen for every size of image that it can be bound to."""
    # A module of the user's own has the convolutions of torch, planes as they come.
    chosen: dict[str, Any] = {name: {"name": name} for name in NETWORKS if name != "module"}
    for path in sorted((Path(conf.__file__).parent / "network").glob("*.yaml")):
        fields = yaml.safe_load(path.read_text(encoding="utf-8"))
        chosen[path.stem] = {"name": fields.pop("defaults")[0], **fields}
    for choice, fields in chosen.items():
        network = NETWORKS.build(fields)
        for shape in IMAGES.values():
            try:
                yield network.bind(shape, 10)
            except ValueError:
                assert shape != IMAGES["cifar10"], f"{choice} fits no images"


def candidates(everything: bool) -> list[Candidate]:
    """Return what to try: all, or on one thread those of the tests and of the networks for small digits."""
    named = {found for one in [*ARCHITECTURES.values(), *shipped()] for found in convolutions_of(one)}
    if not everything:
        small = sorted(c for c in named if c.height <= 8 and max(c.ins, c.units) < 32)
        return [Candidate(c, 5, layout, 1) for c in small for layout in LAYOUTS]
    ways = list(itertools.product((2, 48), LAYOUTS, (1, 2)))
    return [Candidate(c, *way) for c in sorted(named) for way in ways if c.flops * way[0] <= MOST / 10]


def wrong(candidate: Candidate, repeats: int) -> str:
    """Return what is wrong with answers and gradients, by float64; nothing if all is right."""
    torch.set_num_threads(candidate.threads)
    x, kernel, gradient = _drawn(candidate)
    stride, side = candidate.convolution.stride, candidate.convolution.side
    truths = []
    for slot in range(len(x)):
        planes = x[slot].double().permute(0, 3, 1, 2).contiguous().requires_grad_()
        wide = kernel[slot].double().requires_grad_()
        plain = F.conv2d(planes, wide, None, stride, side // 2)
        dx, dkernel = torch.autograd.grad(plain, [planes, wide], gradient[slot].double().permute(0, 3, 1, 2))
        truths.append((plain.detach().permute(0, 2, 3, 1), dx.permute(0, 2, 3, 1), dkernel))
    for _ in range(repeats):
        leaves = [x.detach().requires_grad_(), kernel.detach().requires_grad_()]
        z = convolve(*leaves, None, stride)
        answers = (z.detach(), *torch.autograd.grad(z, leaves, gradient))
        for slot, truth in enumerate(truths):
            for name, found, right in zip(("answer", "dx", "dkernel"), answers, truth, strict=True):
                error = (found[slot] - right).abs().max() / right.abs().max()
                if not error < TOLERANCE:
                    return f"{name} is off by {error:.1e}"
    return ""


def _drawn(candidate: Candidate) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Return images, kernels and gradients of the answers."""
    generator = torch.Generator().manual_seed(0)
    ins, units, height, width, side, stride = astuple(candidate.convolution)
    if candidate.layout == "NHWC":
        x = torch.randn(2, candidate.batch, height, width, ins, generator=generator)
    else:
        x = torch.randn(2, candidate.batch, ins, height, width, generator=generator).movedim(2, -1)
    kernel = torch.randn(2, units, ins, side, side, generator=generator)
    answers = (-(-height // stride), -(-width // stride), units)
    return x, kernel, torch.randn(2, candidate.batch, *answers, generator=generator)


def sweep(chosen: list[Candidate]) -> list[str]:
    """Return what is wrong with each candidate in a process of its own, crashes and hangs included."""
    context = multiprocessing.get_context("fork")  # which shares what was imported
    found = []
    for candidate in chosen:
        ours, theirs = context.Pipe(duplex=False)
        repeats = int(MOST / (6 * candidate.convolution.flops * candidate.batch))
        asked = (candidate, min(REPEATS, max(2, repeats)))
        process = context.Process(target=lambda asked=asked, end=theirs: end.send(wrong(*asked)))
        process.start()
        process.join(SECONDS)
        if process.exitcode is None:
            process.kill()
            process.join()
        told = ours.recv() if process.exitcode == 0 else f"ended with {process.exitcode}"
        if told:
            found.append(f"{candidate}: {told}")
            print(found[-1], flush=True)
    return found


def main(everything: bool) -> int:
    """Try what there is to try, print what is wrong, and return the exit code."""
    chosen = candidates(everything)
    if everything:
        faults = sweep(chosen)
    else:
        faults = [f"{one}: {told}" for one in chosen if (told := wrong(one, 2))]
        print("\n".join(faults))
    print(f"{len(chosen)} tried, {len(faults)} wrong")
    return int(bool(faults))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:] == ["all"]))
