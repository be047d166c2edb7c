"""Configurations that do not fit are refused before anything is computed."""

import pytest
from pydantic import ValidationError

from markets.refusals import InputError
from sim.config.market import MarketConfig
from sim.data.datasets import DataError
from sim.laboratory import Laboratory
from tests.sim.conftest import small


@pytest.mark.parametrize(
    ("choices", "message"),
    [
        ({"organisations": 1}, "greater than or equal to 2"),
        ({"mechanism": "dutch"}, "mechanism must be one of all_pay"),
        ({"setting": "anarchy"}, "setting must be one of autarky"),
        ({"network": "transformer"}, "network must be one of convnet"),
        ({"mechanism": "first_price", "venue": "books"}, "venue must be listings"),
        ({"venue": "bazaar"}, "venue must be one of auto"),
        (
            {"population": {"mix": {"truthful": 3}}},
            r"population.mix must name as many organisations as there are \(4\)",
        ),
        ({"population": {"mix": {"honest": 4}}}, "strategy must be one of .*altruist"),
        ({"population": {"parameters": {"shading": {"fraction": 3.0}}}}, "less than or equal to 1"),
        ({"broker": {"licence": "lease"}}, "licence"),
        ({"broker": {"demand": 2}, "mechanism": "assignment"}, "broker.demand must be at most 1"),
        ({"broker": {"bundles": "whole"}}, "broker.bundles must be none unless broker.blocks is layers"),
        (
            {"broker": {"blocks": "layers", "bundles": "adjacent"}, "mechanism": "assignment"},
            r"broker.bundles must be none for mechanism assignment, .* got 'adjacent' \(vcg_bundles",
        ),
        ({"broker": {"blocks": "layers", "bundles": "some"}}, "bundles"),
        ({"setting": {"name": "competitive", "regions": 9}}, "regions"),
        ({"setting": {"name": "competitive", "delivery": -1.0}}, "greater than or equal to 0"),
        ({"setting": {"name": "cooperative", "royalties": "fair"}}, "royalties"),
        ({"setting": {"name": "cooperative", "royalty_permutations": 1}}, "greater than or equal to 2"),
        ({"mechanism": {"name": "posted_price", "price": -0.5}}, "greater than or equal to 0"),
        ({"colour": "red"}, "colour"),
    ],
)
def test_what_does_not_fit_is_refused(choices, message):
    defaults = {"organisations": 4}
    with pytest.raises((ValidationError, ValueError), match=message):
        MarketConfig(**(defaults | choices))


def test_data_that_cannot_be_divided_is_refused():
    with pytest.raises(DataError, match="organisations must be at most"):
        Laboratory(small(organisations=400, setting="independent"), seed=0)
    with pytest.raises(ValueError, match="device must be one of"):
        Laboratory(small(device="abacus"), seed=0)


def test_arms_share_everything_but_the_rule_of_payoffs():
    config = small()
    for arm in ("autarky", "independent", "cooperative"):
        other = config.in_setting(arm)
        assert other.setting.name == arm
        assert other.setting.demand == config.setting.demand
        assert other.data == config.data


def test_batches_of_one_are_refused_where_they_are_normalised():
    vgg = {"name": "vgg", "stages": [[4]]}
    with pytest.raises(InputError, match=r"learning.batch_size must be at least 2 with network=vgg.*; got 1"):
        Laboratory(small(network=vgg, learning={"batch_size": 1}), seed=0)
    Laboratory(small(network={"name": "resnet"}, learning={"batch_size": 1}), seed=0)
