import numpy as np
import pytest
import torch
import torch.nn.functional as F
from omegaconf import OmegaConf
from pydantic import ValidationError

from agents.learning.networks import NETWORKS, Architecture
from agents.learning.networks.convnet import ConvNet
from agents.learning.networks.mlp import MLP
from agents.learning.networks.products import product, whole_lines
from agents.learning.networks.resnet import ResNet
from agents.learning.networks.vgg import VGG
from agents.learning.stack.data import Batch
from agents.learning.tasks import Classification
from tests.agents.learning.conftest import CLASSES, SHAPE, models


def batch(slots: int, rows: int, seed: int = 1) -> tuple[torch.Tensor, torch.Tensor]:
    rng = np.random.default_rng(seed)
    x = torch.from_numpy(rng.normal(size=(slots, rows, *SHAPE)).astype(np.float32))
    return x, torch.from_numpy(rng.integers(0, CLASSES, (slots, rows)))


def test_forward_equals_the_plain_module(any_architecture: Architecture) -> None:
    parameters, (x, _) = models(any_architecture, 4), batch(4, 9)
    logits = any_architecture.forward(parameters, x)
    for slot in range(4):
        plain = any_architecture.module(parameters, slot)(x[slot])
        torch.testing.assert_close(logits[slot].T, plain, rtol=1e-5, atol=1e-6)


def test_module_copies_and_draws_nothing(any_architecture: Architecture) -> None:
    parameters, before = models(any_architecture, 2), torch.get_rng_state()
    module = any_architecture.module(parameters, 1)
    assert torch.equal(before, torch.get_rng_state())
    assert [name for name, _ in module.named_parameters()] == list(any_architecture.shapes)
    buffers = {name for name, _ in module.named_buffers() if not name.endswith("num_batches_tracked")}
    assert buffers == set(any_architecture.statistics)
    with torch.no_grad():
        next(module.parameters()).zero_()
    assert parameters[next(iter(parameters))][1].abs().sum() > 0


def test_shared_inputs_equal_inputs_for_each_slot(any_architecture: Architecture) -> None:
    parameters, (x, _) = models(any_architecture, 5), batch(1, 11)
    each = any_architecture.forward(parameters, x.expand(5, *x.shape[1:]).contiguous())
    assert torch.equal(any_architecture.forward(parameters, x[0]), each)


def test_gradients_equal_the_plain_modules(any_architecture: Architecture) -> None:
    parameters, (x, y) = models(any_architecture, 3), batch(3, 8)
    share = torch.full((3, 8), 1 / 8)
    share[1] = torch.tensor([1 / 5] * 5 + [0] * 3)
    losses, gradients = any_architecture.gradients(parameters, Batch(x, y, share))
    for slot, rows in enumerate((8, 5, 8)):
        module = any_architecture.module(parameters, slot)
        plain = F.cross_entropy(module(x[slot, :rows]), y[slot, :rows])
        plain.backward()
        assert losses[slot, :rows].mean().item() == pytest.approx(plain.item(), abs=1e-6)
        for name, parameter in module.named_parameters():
            torch.testing.assert_close(gradients[name][slot], parameter.grad, rtol=1e-4, atol=1e-6)


def test_written_out_backward_pass_equals_automatic_differentiation() -> None:
    architecture = MLP(widths=[13, 7, 5]).bind(SHAPE, CLASSES)
    parameters, (x, y) = models(architecture, 6), batch(6, 10)
    share = (torch.arange(10) < torch.tensor([[10], [7], [1], [10], [3], [0]])).float() / 7
    losses, gradients = architecture.gradients(parameters, Batch(x, y, share))
    expected_losses, expected = Architecture.gradients(architecture, parameters, Batch(x, y, share))
    torch.testing.assert_close(losses, expected_losses)
    assert list(gradients) == list(expected)
    for name in expected:
        torch.testing.assert_close(gradients[name], expected[name], rtol=1e-5, atol=1e-7)


def test_a_slot_of_padding_has_no_gradient(any_architecture: Architecture) -> None:
    parameters, (x, y) = models(any_architecture, 2), batch(2, 4)
    share = torch.tensor([[0.25, 0.25, 0.25, 0.25], [0, 0, 0, 0]])
    losses, gradients = any_architecture.gradients(parameters, Batch(x, y, share))
    assert (losses[0] > 0).all()
    for gradient in gradients.values():
        assert (gradient[1] == 0).all()


def test_a_slot_has_the_same_bits_in_any_company(any_architecture: Architecture) -> None:
    parameters, (x, y) = models(any_architecture, 7), batch(7, 33)
    share = torch.full((7, 33), 1 / 33)
    losses, gradients = any_architecture.gradients(parameters, Batch(x, y, share))
    logits = any_architecture.forward(parameters, x)
    for some in ([0], [6], [2, 3], [5, 1, 4], [6, 0, 1, 2, 3]):
        part = {name: leaf[some] for name, leaf in parameters.items()}
        assert torch.equal(any_architecture.forward(part, x[some]), logits[some])
        some_losses, some_gradients = any_architecture.gradients(part, Batch(x[some], y[some], share[some]))
        assert torch.equal(some_losses, losses[some])
        for name in gradients:
            assert torch.equal(some_gradients[name], gradients[name][some]), name


@pytest.mark.parametrize(("inner", "outer"), [(2048, 9), (3000, 64), (257, 10)])
def test_a_lone_product_has_the_bits_it_has_in_a_batch(inner: int, outer: int) -> None:
    generator = torch.Generator().manual_seed(3)
    left = torch.randn(5, 16, inner, generator=generator)
    right = torch.randn(5, inner, outer, generator=generator)
    bias = torch.randn(5, 1, outer, generator=generator)
    together = product(left, right, bias)
    torch.testing.assert_close(together, left @ right + bias, rtol=1e-4, atol=1e-3)
    for some in (slice(0, 1), slice(4, 5), slice(1, 3)):
        assert torch.equal(product(left[some], right[some], bias[some]), together[some])


@pytest.mark.parametrize("sizes", [(16, 32, 64), (10, 64, 368), (13, 7, 48), (10, 16, 9), (40, 16, 9)])
def test_a_bias_is_one_number_a_row_or_a_column(sizes: tuple[int, int, int]) -> None:
    a, b, c = sizes
    generator = torch.Generator().manual_seed(3)
    left, right = torch.randn(4, a, b, generator=generator), torch.randn(4, b, c, generator=generator)
    for shape in ((4, a, 1), (4, 1, c)):
        bias = torch.randn(shape, generator=generator)
        together = product(left, right, bias)
        torch.testing.assert_close(together, left @ right + bias, rtol=1e-4, atol=1e-4)
        for some in (slice(0, 1), slice(3, 4), slice(1, 3)):
            assert torch.equal(product(left[some], right[some], bias[some]), together[some])


@pytest.mark.parametrize("count", [1, 15, 16, 37])
def test_examples_that_fill_the_last_line_do_not_count(count: int) -> None:
    examples = torch.arange(2 * count).view(2, count)
    filled = whole_lines(examples)
    assert filled.shape[1] % 16 == 0
    assert filled.shape[1] - count < 16
    assert torch.equal(filled[:, :count], examples)
    rng = np.random.default_rng(0)
    logits = torch.from_numpy(rng.normal(size=(2, CLASSES, filled.shape[1])))
    labels = torch.from_numpy(rng.integers(0, CLASSES, (2, filled.shape[1])))
    task = Classification.of((), CLASSES)
    loss, accuracy = task.mean_loss(logits, labels, count), task.mean_score(logits, labels, count)
    for slot in range(2):
        scores, truth = logits[slot, :, :count].T, labels[slot, :count]
        assert loss[slot] == pytest.approx(F.cross_entropy(scores, truth).item())
        assert accuracy[slot] == pytest.approx((scores.argmax(1) == truth).double().mean().item())


def test_stem_is_linear_in_its_parameters(any_architecture: Architecture) -> None:
    first, second, (x, _) = models(any_architecture, 3), models(any_architecture, 3, seed=9), batch(3, 6)
    merged = {name: 0.3 * first[name] + 0.7 * second[name] for name in first}
    stems = [any_architecture.stem(parameters, x) for parameters in (first, second, merged)]
    torch.testing.assert_close(stems[2], 0.3 * stems[0] + 0.7 * stems[1], rtol=1e-4, atol=1e-6)


def test_trunk_reads_nothing_of_the_stem(any_architecture: Architecture) -> None:
    parameters, (x, _) = models(any_architecture, 3), batch(3, 6)
    z = any_architecture.stem(parameters, x)
    rest = {name: leaf for name, leaf in parameters.items() if name not in any_architecture.stem_tensors}
    assert torch.equal(any_architecture.trunk(rest, z), any_architecture.forward(parameters, x))


def test_positions_part_the_tensors(any_architecture: Architecture) -> None:
    named = [name for names in any_architecture.positions.values() for name in names]
    assert sorted(named) == sorted(any_architecture.shapes)
    assert "head" in any_architecture.positions
    assert any_architecture.tensors_of("model") == tuple(any_architecture.shapes)
    assert any_architecture.tensors_of("head") == ("head.weight", "head.bias")
    assert any_architecture.tensors_of("+".join(any_architecture.positions)) == tuple(named)
    assert any_architecture.tensors_of("head+head") == ("head.weight", "head.bias")
    with pytest.raises(ValueError, match=r"position must be one of model, .*head; got 'tail'"):
        any_architecture.tensors_of("tail")
    with pytest.raises(ValueError, match=r"got 'head\+tail'"):
        any_architecture.tensors_of("head+tail")


def test_counts_by_hand() -> None:
    # 64-5-3: 64*5 + 5 + 5*3 + 3 parameters, two operations a weight
    mlp = MLP(widths=[5]).bind((1, 8, 8), 3)
    assert (mlp.parameter_count, mlp.forward_flops) == (343, 2 * (320 + 15))
    assert mlp.signature == "mlp:1x8x8-5-3"
    # backward: two slopes at the head, but none for the inputs of the first layer
    assert mlp.training_flops == 2 * (3 * 15 + 2 * 320)
    # 3x3x1x2 kernel + 2 biases + 2 scales + 2 shifts, head 2x3 + 3; 64 pixels
    conv = ConvNet(channels=[2]).bind((1, 8, 8), 3)
    assert (conv.parameter_count, conv.forward_flops) == (18 + 6 + 9, 2 * (64 * 18 + 6))
    # the second stage works on 4 x 4 pixels
    deep = ConvNet(channels=[2, 4]).bind((1, 8, 8), 3)
    assert deep.forward_flops == 2 * (64 * 18 + 16 * 2 * 4 * 9 + 12)
    assert deep.signature == "convnet:1x8x8-2-4-3:max"
    # stem 9x2; blocks 2 -> 2 on 64 pixels, 2 -> 4 and 4 -> 8 on a quarter of the pixels, with shortcuts
    residual = ResNet(depth=10, channels=2).bind((1, 8, 8), 3)
    kernels, shortcuts, head = 9 * (2 + 4 + 4 + 8 + 16 + 32 + 64), 2 * 4 + 4 * 8, 8 * 3
    norms = 2 * (2 + 2 + 2 + 4 + 4 + 4 + 8 + 8 + 8)
    assert residual.parameter_count == kernels + shortcuts + head + norms + 3
    at_64, at_16, at_4 = 9 * (2 + 4 + 4 + 8), 9 * (16 + 32) + 8, 9 * 64 + 32
    assert residual.forward_flops == 2 * (64 * at_64 + 16 * at_16 + 4 * at_4 + head)
    assert residual.signature == "resnet:1x8x8-2x1-10-3"
    plain = VGG(stages=[[2, 4], [6]]).bind((1, 8, 8), 3)
    assert plain.parameter_count == 9 * (2 + 8 + 24) + 2 * (2 + 4 + 6) + 6 * 3 + 3
    assert plain.forward_flops == 2 * (64 * 9 * (2 + 8) + 16 * 9 * 24 + 18)
    assert plain.signature == "vgg:1x8x8-2.4-6-3"


def test_the_networks_of_the_founding_paper() -> None:
    """Sizes by hand: Zagoruyko and Komodakis (2016), shortcuts normalised, and VGG-16.

    Huang, Vishwakarma and Sala (2023) call depth 22 with widen_factor 6 "ResNet20".
    """
    wide = ResNet(depth=22, widen_factor=6).bind((3, 32, 32), 10)
    assert len(wide.positions) == 1 + 9 + 2
    # 3x3 kernels: the stem, then two a block, three blocks a stage of 96, 192 and 384 channels
    kernels = 3 * 16 + 16 * 96 + 5 * 96**2 + 96 * 192 + 5 * 192**2 + 192 * 384 + 5 * 384**2
    shortcuts = 16 * 96 + 96 * 192 + 192 * 384
    # a stage's blocks have five normalisations of its channels, the shortcut one, what comes next one
    norms = 2 * (16 + 7 * (96 + 192 + 384))
    assert wide.parameter_count == 9 * kernels + shortcuts + norms + 384 * 10 + 10
    assert ResNet(depth=52).bind((3, 32, 32), 10).signature == "resnet:3x32x32-16x1-52-10"
    stages = [[64] * 2, [128] * 2, [256] * 3, [512] * 3, [512] * 3]
    deep = VGG(stages=stages).bind((3, 32, 32), 10)
    # Simonyan and Zisserman (2015), configuration D: 14,710,464 weights of kernels, then norms and a head
    assert deep.parameter_count == 14_710_464 + 2 * 4224 + 512 * 10 + 10


def test_initial_parameters_are_drawn_as_torch_draws_them(any_architecture: Architecture) -> None:
    drawn = any_architecture.initial(np.random.default_rng(4))
    again = any_architecture.initial(np.random.default_rng(4))
    plain = any_architecture.skeleton().state_dict()
    for name, array in drawn.items():
        assert array.dtype == np.float32
        assert array.shape == any_architecture.shapes[name] == tuple(plain[name].shape)
        assert np.array_equal(array, again[name])
        if "norm" in name:
            assert np.array_equal(array, plain[name].numpy())
    weight = next(iter(any_architecture.shapes))
    bound = 1 / np.sqrt(np.prod(any_architecture.shapes[weight][1:]))
    assert 0.9 * bound < np.abs(drawn[weight]).max() <= bound


def test_configurations_are_structured() -> None:
    for name in NETWORKS:
        assert OmegaConf.structured(NETWORKS[name]).name == name
        if name != "module":
            assert NETWORKS.build(name).bind((1, 8, 8), 10).classes == 10
    with pytest.raises(ValidationError):
        MLP(widths=[0])
    with pytest.raises(ValidationError):
        ConvNet(pooling="median")
    with pytest.raises(ValueError, match="channels must have at most 4 stages for images of 8 x 8"):
        ConvNet(channels=[2] * 5).bind((1, 8, 8), 10)
    with pytest.raises(ValidationError, match="depth must be 6 n"):
        ResNet(depth=20)
    with pytest.raises(ValueError, match="stages must be at most 3 for images of 8 x 8; got 4"):
        VGG(stages=[[2]] * 4).bind((1, 8, 8), 10)
    with pytest.raises(TypeError, match="must extend Network"):
        NETWORKS.check(int)  # type: ignore[arg-type]
