from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
import torch.nn.functional as F

from agents.learning.alignment.weight_matching import permute
from agents.learning.networks.mlp import MLP
from experiments.benchmarks import plain_market
from experiments.benchmarks import round as benchmark_round
from experiments.benchmarks.plain_market import Images, PublishedMarket, matched, normalised
from experiments.benchmarks.round import PHASES, WEIGHTS, FleetRound, PublishedRound, round_data, round_flops
from experiments.command_line import cli

ARCHITECTURE = MLP(widths=[8, 6]).bind((1, 28, 28), 10)
STARTS = [ARCHITECTURE.initial(np.random.default_rng(i)) for i in range(2)]
DATA = round_data(300, 40)


def market(weights: tuple[float, ...]) -> PublishedMarket:
    stacked = {name: torch.from_numpy(np.stack([s[name] for s in STARTS])) for name in STARTS[0]}
    modules = [ARCHITECTURE.module(stacked, slot) for slot in range(2)]
    images = Images(DATA.pixels, DATA.labels)
    return PublishedMarket(ARCHITECTURE, modules, benchmark_round._adam, images, 64, weights)


def test_an_item_of_the_pipeline_is_a_row_of_the_tensor_in_memory() -> None:
    images, together = Images(DATA.pixels, DATA.labels), normalised(DATA.pixels)
    assert (len(images), together.shape) == (340, (340, 1, 28, 28))
    for index in (0, 17, 339):
        image, label = images[index]
        assert torch.equal(image, together[index])
        assert label == DATA.labels[index]
    # black and white of MNIST as it is usually normalised
    assert together.min().item() == pytest.approx(-0.1307 / 0.3081)
    assert together.max().item() <= (1 - 0.1307) / 0.3081 + 1e-6


def test_an_organisation_has_its_half_of_the_classes_and_a_tenth_of_the_rest() -> None:
    labels = DATA.labels.numpy()
    for organisation, visits in enumerate(DATA.visits):
        assert len(set(visits)) == len(visits)
        assert visits.max() < 300
        own = labels[visits] // 5 == organisation
        assert own.sum() == (labels[:300] // 5 == organisation).sum()
        assert (~own).sum() == round(0.1 * (labels[:300] // 5 != organisation).sum())
    assert DATA.held.tolist() == list(range(300, 340))


def test_both_ways_find_the_same_and_repeat_it() -> None:
    fleet, published = FleetRound(ARCHITECTURE, STARTS, DATA), PublishedRound(ARCHITECTURE, STARTS, DATA)
    ours, theirs = fleet.play(), published.play()
    # losses of training, of eleven merges each, of tests, and accuracies
    assert ours.found.shape == theirs.found.shape == (2 + 2 * (1 + len(WEIGHTS)) + 2 + 2,)
    np.testing.assert_allclose(ours.found, theirs.found, atol=2e-5)
    assert np.array_equal(fleet.play().found, ours.found)
    assert ours.seconds.shape == (len(PHASES),)
    assert (ours.seconds >= 0).all()


def test_a_buyer_takes_the_best_merge_and_a_fresh_optimiser_or_nothing() -> None:
    world = market((0.25, 1.0))
    x, y = normalised(DATA.pixels)[DATA.held], DATA.labels[DATA.held]
    world.train([visits.tolist() for visits in DATA.visits])
    before = [{n: leaf.clone() for n, leaf in module.state_dict().items()} for module in world.modules]
    optimisers = list(world.optimisers)
    losses = world.trade(DATA.held.tolist())
    assert losses.shape == (2, 3)
    for buyer, seller in ((0, 1), (1, 0)):
        aligned = matched(ARCHITECTURE, before[buyer], before[seller])
        merges = [
            {n: (1 - w) * leaf + w * aligned[n] for n, leaf in before[buyer].items()} for w in (0, 0.25, 1.0)
        ]
        found = []
        for merge in merges:
            module = ARCHITECTURE.skeleton()
            module.load_state_dict(merge)
            found.append(F.cross_entropy(module(x), y).item())
        np.testing.assert_allclose(losses[buyer], found, rtol=1e-5)
        best = int(np.argmin(losses[buyer]))
        for name, leaf in world.modules[buyer].state_dict().items():
            torch.testing.assert_close(leaf, merges[best][name])
        assert (world.optimisers[buyer] is optimisers[buyer]) == (best == 0)


def test_a_planted_permutation_is_undone() -> None:
    rng = np.random.default_rng(3)
    own = {name: torch.from_numpy(leaf)[None] for name, leaf in STARTS[0].items()}
    orders = {"layer0.units": rng.permutation(8), "layer1.units": rng.permutation(6)}
    planted = permute(ARCHITECTURE, own, {n: torch.from_numpy(o)[None] for n, o in orders.items()})
    found = matched(ARCHITECTURE, *({n: leaf[0] for n, leaf in side.items()} for side in (own, planted)))
    assert any(not torch.equal(planted[name][0], own[name][0]) for name in own)
    assert all(torch.equal(found[name], own[name][0]) for name in own)


def test_operations_by_hand() -> None:
    linear = MLP(widths=[2]).bind((1, 28, 28), 10)
    visited = sum(map(len, DATA.visits))
    stem, head = 2 * 784 * 2, 2 * 2 * 10
    expected = [visited * (2 * stem + 3 * head), 2 * 40 * (stem + 11 * head), 2 * 40 * (stem + head)]
    assert round_flops(linear, DATA) == [*expected, sum(expected)]


def test_the_command_prints_and_saves_every_phase(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(benchmark_round, "round_data", lambda *_: DATA)
    before = torch.get_num_threads()
    arguments = ["benchmark", "--tasks", "round", "--repeats", "1", "--output", str(tmp_path / "new")]
    assert cli.main(arguments) == 0
    assert torch.get_num_threads() == before
    table = pd.read_csv(tmp_path / "new" / "round.csv")
    assert table.phase.tolist() == [*PHASES, "whole round"]
    np.testing.assert_allclose(table.ratio, table.published_ms / table.fleet_ms)
    np.testing.assert_allclose(table.fleet_ms[:3].sum(), table.fleet_ms[3])
    np.testing.assert_allclose(table.peak_share, table.gflops / table.peak_gflops)
    assert (table.difference <= 1e-3).all()
    assert (table.fleet_tensors_mib > 0).all()
    shown = capsys.readouterr().out
    assert all(phase in shown for phase in table.phase)


def test_mistakes_are_told(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    assert cli.main(["benchmark", "--tasks", "round", "--repeats", "0"]) == 2
    assert "repeats must be a whole number >= 1; got 0" in capsys.readouterr().err
    right = plain_market.PublishedMarket.train
    monkeypatch.setattr(plain_market.PublishedMarket, "train", lambda *given: right(*given) + 2e-3)
    monkeypatch.setattr(benchmark_round, "round_data", lambda *_: DATA)
    with pytest.raises(RuntimeError, match=r"a round must give the same in both ways.*0\.001; got"):
        benchmark_round.run_round_benchmark(1, None)
