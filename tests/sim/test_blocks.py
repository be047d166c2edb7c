"""Bundles of layers: what is listed, tried, sold and merged."""

import numpy as np
import pandas as pd
import pytest
import torch

from agents.learning.networks import NETWORKS
from sim.cohort import Cohort
from sim.config.broker import BrokerConfig
from sim.exchange.blocks.layers import MOST_LAYERS
from sim.laboratory.requests import Merge
from sim.market import ParameterMarket
from tests.sim.conftest import small, tables_of

BUNDLES = {
    "mechanism": "vcg_bundles",
    "broker": {"blocks": "layers", "bundles": "adjacent", "licence": "exclusive"},
    "network": {"name": "mlp", "widths": [12, 12]},
    "learning": {"optimiser": {"name": "adamw", "lr": 0.02}, "local_epochs": 4},
}


def architecture(hidden=2):
    return NETWORKS.build({"name": "mlp", "widths": [4] * hidden}).bind((1, 8, 8), 10)


def cut(architecture, blocks, bundles):
    return BrokerConfig(blocks=blocks, bundles=bundles).cut_of_blocks().cut(architecture)


def test_every_run_of_adjacent_layers():
    found = cut(architecture(), "layers", "adjacent")
    assert found.positions == ("layer0", "layer1", "head", "layer0+layer1", "model", "layer1+head")
    assert found.contents.tolist() == [0b001, 0b010, 0b100, 0b011, 0b111, 0b110]


def test_the_whole_and_nothing_else():
    found = cut(architecture(), "layers", "whole")
    assert (found.positions[3:], found.contents.tolist()) == (("model",), [1, 2, 4, 7])
    assert cut(architecture(), "layers", "none").contents.tolist() == [0, 0, 0]
    assert cut(architecture(), "model", "none").positions == ("model",)
    assert cut(architecture(hidden=0), "layers", "whole").positions == ("head",)


@pytest.mark.parametrize("network", list(NETWORKS))
def test_a_trunk_is_everything_but_the_head(network):
    own = {"factory": "tests.agents.learning.own_nets:flattened"} if network == "module" else {}
    bound = NETWORKS.build({"name": network, **own}).bind((1, 8, 8), 10)
    found = cut(bound, "trunk", "none")
    (trunk,) = found.positions
    assert bound.tensors_of(trunk) == tuple(t for t in bound.shapes if not t.startswith("head."))
    assert found.contents.tolist() == [0]
    with pytest.raises(ValueError, match=r"broker\.blocks must be model for mlp.*a lone head; got trunk"):
        cut(architecture(hidden=0), "trunk", "none")


def test_heads_are_kept_when_trunks_are_traded():
    cohort = Cohort(small(broker={"blocks": "trunk"}), ("independent",), 1, 2)
    fleet, merged = cohort.laboratory.fleet, []
    perform = cohort.laboratory.perform

    def watched(requests):
        before = fleet.copy_of(range(fleet.slots))
        answers = perform(requests)
        if isinstance(requests[0], Merge):
            buyers = np.unique(np.concatenate([r.pairs.buyer for r in requests]))
            merged.extend(buyers)
            for name, leaf in fleet.copy_of(buyers).items():
                assert torch.equal(leaf, before[name][buyers]) == name.startswith("head."), name
        return answers

    cohort.laboratory.perform = watched
    tables_of(cohort, 2)
    assert len(merged) > 2


def test_more_layers_than_bits_are_refused():
    deep = architecture(hidden=MOST_LAYERS)
    with pytest.raises(ValueError, match=r"broker\.bundles must be none for networks of more than 62 layers"):
        cut(deep, "layers", "adjacent")
    assert len(cut(deep, "layers", "none").positions) == MOST_LAYERS + 1


@pytest.fixture(scope="module")
def sold():
    """Worlds that trade bundles for three rounds, and the tables of each round."""
    cohort = Cohort(small(**BUNDLES), ("independent", "competitive", "cooperative"), 1, 2)
    return cohort, tables_of(cohort, 3)


def test_a_layer_is_sold_once_alone_or_in_a_bundle(sold):
    cohort, tables = sold
    trades = pd.concat(t["trades"] for t in tables)
    contents = cohort.laboratory.contents[trades["position"]]
    assert (np.bitwise_count(contents) > 1).any()
    for _, group in trades.assign(contents=contents).groupby(["arm", "round", "seller"]):
        assert np.bitwise_or.reduce(group["contents"]) == group["contents"].sum()
    assert trades.groupby(["arm", "round", "buyer"]).size().max() == 1
    assert (trades["settled"]).all()


def test_the_first_best_of_bundles_is_realised(sold):
    """Up to the rounding of bids and asks to micro-credits."""
    rounds = pd.concat(t["rounds"] for t in sold[1])
    np.testing.assert_allclose(rounds["allocative_efficiency"], 1, atol=0.01)
    assert (rounds["gains_realised"] > 1e-4).all()


def test_a_bundle_does_what_its_trial_promised(sold):
    """A buyer wins one listing, so the loss after its merge is the one that the broker measured."""
    for tables in sold[1]:
        trades = tables["trials"][tables["trials"]["traded"]]
        after = tables["organisations"].rename(columns={"organisation": "buyer"})
        joined = trades.merge(after, on=["arm", "replicate", "buyer"])
        assert len(joined) == len(trades) > 0
        np.testing.assert_allclose(joined["validation_loss"], joined["loss_after"], rtol=1e-5)


def test_layers_outside_the_bundle_stay_as_they_were():
    market = ParameterMarket(small(**BUNDLES), seed=1)
    market.steps = 1
    told = market.round()
    request = next(told)
    while not isinstance(request, Merge):
        request = told.send(market.laboratory.perform([request])[0])
    fleet, architecture = market.laboratory.fleet, market.laboratory.architecture
    before = fleet.copy_of(market.slots)
    market.laboratory.perform([request])
    after = fleet.copy_of(market.slots)
    assert len(request.pairs) > 0
    for buyer, position in zip(request.pairs.buyer, request.pairs.position, strict=True):
        held = architecture.tensors_of(market.laboratory.positions[position])
        for name in before:
            assert torch.equal(before[name][buyer], after[name][buyer]) == (name not in held)


def test_a_chosen_subset_of_layers_is_one_block():
    assert cut(architecture(3), "layer2+layer0", "none").positions == ("layer0+layer2",)
    assert cut(architecture(3), "head", "none").positions == ("head",)
    with pytest.raises(
        ValueError, match="must be one of chosen, layers, model, trunk, or among layer0, layer1"
    ):
        cut(architecture(3), "layer9", "none")


def test_blocks_with_fields_of_their_own():
    chosen = {"name": "chosen", "layers": ["layer2", "layer0"]}
    assert cut(architecture(3), chosen, "none").positions == ("layer0+layer2",)
    layers = {"name": "layers", "bundles": "whole"}
    assert cut(architecture(), layers, "none").contents.tolist() == [1, 2, 4, 7]
    with pytest.raises(ValueError, match="bundles must be none for mechanism second_price"):
        small(mechanism="second_price", broker={"blocks": layers})
    with pytest.raises(ValueError, match=r"broker\.blocks must be one of chosen, .* or names of layers"):
        BrokerConfig(blocks="")
