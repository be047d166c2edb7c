import itertools
import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch
import torch.nn.functional as F
from torch.utils._python_dispatch import TorchDispatchMode

from agents.learning.networks.convolutions import convolve, convolve_in_groups, convolve_patches, pool
from agents.learning.networks.normalisation import batch_normalise, normalise_channels, normalise_examples

SLOTS, ROWS, HEIGHT, WIDTH, INS, UNITS = 4, 9, 6, 5, 3, 7


def drawn(*shape: int, seed: int = 0) -> torch.Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(shape, generator=generator).requires_grad_()


@pytest.mark.parametrize("way", [convolve, convolve_in_groups, convolve_patches])
@pytest.mark.parametrize(("side", "stride", "biased"), [(3, 1, True), (3, 2, False), (1, 2, True)])
@pytest.mark.parametrize("shared", [False, True])
def test_convolutions_equal_torchs_slot_by_slot(
    way: object, side: int, stride: int, biased: bool, shared: bool
) -> None:
    x = drawn(1 if shared else SLOTS, ROWS, HEIGHT, WIDTH, INS)
    kernel = drawn(SLOTS, UNITS, INS, side, side, seed=1)
    bias = drawn(SLOTS, UNITS, seed=2) if biased else None
    leaves = [leaf for leaf in (x, kernel, bias) if leaf is not None]
    z = way(x, kernel, bias, stride)  # type: ignore[operator]
    plain = torch.stack(
        [
            F.conv2d(
                x[0 if shared else i].permute(0, 3, 1, 2),
                kernel[i],
                None if bias is None else bias[i],
                stride,
                side // 2,
            ).permute(0, 2, 3, 1)
            for i in range(SLOTS)
        ]
    )
    torch.testing.assert_close(z, plain, rtol=1e-5, atol=1e-5)
    gradient = drawn(*z.shape, seed=3).detach()
    expected = torch.autograd.grad(plain, leaves, gradient)
    for found, wanted in zip(torch.autograd.grad(z, leaves, gradient), expected, strict=True):
        torch.testing.assert_close(found, wanted, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("side", [1, 3, 5])
@pytest.mark.parametrize("stride", [1, 2, 3])
@pytest.mark.parametrize("size", [(8, 8), (7, 5), (2, 3), (1, 1)])
@pytest.mark.parametrize("rows", [1, 9])
def test_convolutions_are_those_of_twice_the_precision(
    side: int, stride: int, size: tuple[int, int], rows: int
) -> None:
    """With 1 to 9 channels in and out, three of these each time."""
    for ins in range(1 + (size[0] + stride) % 3, 10, 3):
        check_by_twice_the_precision(side, stride, size, rows, ins)


@pytest.mark.slow
@pytest.mark.parametrize("ins", range(1, 10))
def test_convolutions_are_those_of_twice_the_precision_with_any_channels(ins: int) -> None:
    sizes = ((8, 8), (7, 5), (2, 3), (1, 1))
    for side, stride, size, rows in itertools.product((1, 3, 5), (1, 2, 3), sizes, (1, 9)):
        check_by_twice_the_precision(side, stride, size, rows, ins)


def check_by_twice_the_precision(side: int, stride: int, size: tuple[int, int], rows: int, ins: int) -> None:
    """Compare with the definition, a sum of shifted products in float64."""
    units = 10 - ins
    x, kernel = drawn(2, rows, *size, ins, seed=ins), drawn(2, units, ins, side, side, seed=1)
    wide = [leaf.detach().double().requires_grad_() for leaf in (x, kernel)]
    padded = F.pad(wide[0], (0, 0, *[side // 2] * 4))
    plain = sum(
        torch.einsum("nbhwc,nuc->nbhwu", padded[:, :, i : i + size[0], j : j + size[1]], wide[1][..., i, j])
        for i in range(side)
        for j in range(side)
    )[:, :, ::stride, ::stride]
    z = convolve(x, kernel, None, stride)
    torch.testing.assert_close(z.double(), plain, rtol=1e-5, atol=1e-4)
    gradient = drawn(*z.shape, seed=3).detach()
    found = torch.autograd.grad(z, [x, kernel], gradient)
    expected = torch.autograd.grad(plain, wide, gradient.double())
    for gradient, wanted in zip(found, expected, strict=True):
        torch.testing.assert_close(gradient.double(), wanted, rtol=1e-4, atol=1e-4)


class Calls(TorchDispatchMode):
    """The names of the operations that the library is asked for."""

    def __init__(self) -> None:
        super().__init__()
        self.names: set[str] = set()

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):  # type: ignore[no-untyped-def]
        self.names.add(func.name())
        return func(*args, **(kwargs or {}))


@pytest.mark.parametrize(("side", "convolved"), [(1, False), (3, True)])
@pytest.mark.parametrize("stride", [1, 2])
def test_kernels_of_one_pixel_never_reach_the_librarys_convolution(
    side: int, stride: int, convolved: bool
) -> None:
    """Its backward pass writes beyond its memory on processors for which it has AVX2 kernels."""
    x, kernel = drawn(SLOTS, ROWS, HEIGHT, WIDTH, INS), drawn(SLOTS, UNITS, INS, side, side, seed=1)
    with Calls() as calls:
        convolve(x, kernel, None, stride).sum().backward()
    assert any("convolution" in name for name in calls.names) == convolved


def play_processor(instructions: str, *words: str) -> None:
    """Run Python with the kernels that a processor of these instructions has."""
    root = Path(__file__).parents[3]
    kernels = {"ONEDNN_MAX_CPU_ISA": instructions} if instructions else {}
    done = subprocess.run(
        [sys.executable, *words],
        cwd=root,
        env=os.environ | kernels | {"PYTHONPATH": str(root)},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.heavy
def test_small_convolutions_are_right_with_the_kernels_that_failed() -> None:
    play_processor("AVX2", "-m", "tests.agents.learning.convolution_sweep")


@pytest.mark.slow
@pytest.mark.parametrize("instructions", ["SSE41", "AVX2", ""])
def test_all_convolutions_are_right_on_other_processors(instructions: str) -> None:
    play_processor(instructions, "-m", "tests.agents.learning.convolution_sweep", "all")


@pytest.mark.slow
@pytest.mark.parametrize("instructions", ["SSE41", "AVX2"])
def test_networks_are_right_on_other_processors(instructions: str) -> None:
    tested = [str(Path(__file__).with_name(f"test_{name}.py")) for name in ("convolutions", "networks")]
    play_processor(instructions, "-m", "pytest", "-x", *tested)


@pytest.mark.parametrize("sizes", [(2, 5), (16, 16), (13, 11)])
@pytest.mark.parametrize("side", [1, 3])
@pytest.mark.parametrize("stride", [1, 2])
@pytest.mark.parametrize("rows", [1, 33])
def test_a_slots_convolution_has_the_same_bits_in_any_company(
    sizes: tuple[int, int], side: int, stride: int, rows: int
) -> None:
    ins, units = sizes
    x, kernel = drawn(5, rows, HEIGHT, WIDTH, ins), drawn(5, units, ins, side, side, seed=1)
    z = convolve(x, kernel, None, stride)
    gradient = drawn(*z.shape, seed=2).detach()
    gradients = torch.autograd.grad(z, [x, kernel], gradient)
    for some in ([0], [4], [3, 1], [1, 2, 0]):
        leaves = [leaf.detach()[some].requires_grad_() for leaf in (x, kernel)]
        part = convolve(*leaves, None, stride)
        assert torch.equal(part, z[some])
        found = torch.autograd.grad(part, leaves, gradient[some])
        assert all(torch.equal(a, b[some]) for a, b in zip(found, gradients, strict=True))


@pytest.mark.parametrize("kind", ["max", "average"])
def test_pooling_drops_an_odd_last_line(kind: str) -> None:
    x = drawn(2, 3, 4, 5, 6).detach()
    fields = x[..., :4, :].unflatten(3, (2, 2)).unflatten(2, (2, 2))
    expected = fields.amax((3, 5)) if kind == "max" else fields.mean((3, 5))
    torch.testing.assert_close(pool(x, kind), expected)


def test_examples_are_normalised_as_by_one_group() -> None:
    z, scale, shift = drawn(SLOTS, ROWS, HEIGHT, WIDTH, INS), drawn(SLOTS, INS, seed=1), drawn(SLOTS, INS)
    found = normalise_examples(z, scale, shift)
    for i in range(SLOTS):
        plain = F.group_norm(z[i].permute(0, 3, 1, 2), 1, scale[i], shift[i]).permute(0, 2, 3, 1)
        torch.testing.assert_close(found[i], plain, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("counts", [[ROWS] * SLOTS, [ROWS, 1, 4, 0]])
def test_a_batch_is_normalised_by_its_rows_alone(counts: list[int]) -> None:
    """Forward, statistics and gradient of Ioffe and Szegedy's algorithm 1, padding left out."""
    z, scale, shift = drawn(SLOTS, ROWS, HEIGHT, WIDTH, INS), drawn(SLOTS, INS, seed=1), drawn(SLOTS, INS)
    weight = (torch.arange(ROWS) < torch.tensor(counts).unsqueeze(1)).float()
    gradient = drawn(*z.shape, seed=3).detach() * weight[:, :, None, None, None]
    found, mean, variance = batch_normalise(z, weight, scale, shift)
    gradients = torch.autograd.grad(found, [z, scale, shift], gradient)
    for i, count in enumerate(counts):
        if not count:
            assert all((own[i] == 0).all() for own in gradients)
            continue
        one = z[i, :count].detach().requires_grad_()
        leaves = [one, scale[i].detach().requires_grad_(), shift[i].detach().requires_grad_()]
        plain = F.batch_norm(one.permute(0, 3, 1, 2), None, None, *leaves[1:], training=True)
        plain = plain.permute(0, 2, 3, 1)
        torch.testing.assert_close(found[i, :count], plain, rtol=1e-4, atol=1e-5)
        torch.testing.assert_close(mean[i], one.mean((0, 1, 2)), rtol=1e-4, atol=1e-6)
        torch.testing.assert_close(variance[i], one.var((0, 1, 2), correction=0), rtol=1e-4, atol=1e-6)
        expected = torch.autograd.grad(plain, leaves, gradient[i, :count])
        torch.testing.assert_close(gradients[0][i, :count], expected[0], rtol=1e-3, atol=1e-4)
        assert (gradients[0][i, count:] == 0).all()
        for own, wanted in zip(gradients[1:], expected[1:], strict=True):
            torch.testing.assert_close(own[i], wanted, rtol=1e-3, atol=1e-4)
        # by its own statistics, a batch is normalised the same way
        again = normalise_channels(z, mean, variance, scale, shift)[i, :count]
        torch.testing.assert_close(again, plain, rtol=1e-4, atol=1e-5)
