"""The check of an operator passes for all of ours, and finds each of the faults that it is for."""

from typing import ClassVar

import pytest
import torch

from agents.learning.operators import MERGE_OPERATORS
from agents.learning.operators.conformance import check_operator
from agents.learning.operators.dare import Dare
from agents.learning.operators.fisher import Fisher
from agents.learning.operators.interpolation import Interpolation
from agents.learning.operators.uniform_soup import UniformSoup
from tests.agents.learning.conftest import ARCHITECTURES


@pytest.mark.parametrize("name", list(MERGE_OPERATORS))
def test_every_operator_merges_as_it_declares(name):
    check_operator(MERGE_OPERATORS.build(name))
    check_operator(MERGE_OPERATORS.build(name), ARCHITECTURES["convnet"], seed=1)


class Double(Interpolation):
    def merge(self, operands, weight):
        return {name: leaf.double() for name, leaf in super().merge(operands, weight).items()}


class Endless(Interpolation):
    def merge(self, operands, weight):
        return {name: leaf / 0 for name, leaf in super().merge(operands, weight).items()}


class InPlace(Interpolation):
    def merge(self, operands, weight):
        for leaf in operands.own.values():
            leaf += 1
        return super().merge(operands, weight)


class Lucky(Interpolation):
    def partner(self, operands):
        return {name: leaf + torch.rand(()) for name, leaf in operands.other.items()}


class OfTheCompany(Interpolation):
    def partner(self, operands):
        return {name: leaf - leaf.mean(0) for name, leaf in operands.other.items()}


class Everywhere(Interpolation):
    def merge(self, operands, weight):
        return {name: leaf + 1 for name, leaf in super().merge(operands, weight).items()}


class Still(Interpolation):
    def merge(self, operands, weight):
        return operands.own


class Restless(Interpolation):
    replaces: ClassVar[bool] = False

    def partner(self, operands):
        return {name: leaf + 1 for name, leaf in operands.other.items()}


class Modest(Interpolation):
    replaces: ClassVar[bool] = False


class Boastful(UniformSoup):
    replaces: ClassVar[bool] = True


class ByPlace(Interpolation):
    replaces: ClassVar[bool] = False

    def partner(self, operands):
        return {name: own + (operands.other[name] - own).cumsum(1) for name, own in operands.own.items()}


class Unmoved(Fisher):
    def permute_evidence(self, architecture, evidence, permutations):
        return evidence


class EvidenceOfTheCompany(UniformSoup):
    def evidence(self, owners):
        return {name: leaf * len(leaf) for name, leaf in super().evidence(owners).items()}


class PooledOfTheCompany(UniformSoup):
    def pooled(self, operands, weight):
        return {name: leaf * len(leaf) for name, leaf in super().pooled(operands, weight).items()}


class Unknown(UniformSoup):
    def evidence(self, owners):
        return {name: leaf / 0 for name, leaf in super().evidence(owners).items()}


@pytest.mark.parametrize(
    ("fault", "sentence"),
    [
        (Double, "must return all tensors of a model as they are"),
        (Endless, "must return finite numbers"),
        (InPlace, "must leave its operands alone"),
        (Lucky, "the same operands must give the same merge"),
        (OfTheCompany, "a merge must be the same bits in any company"),
        (Everywhere, "the buyer's own to the last bit"),
        (Still, "must change something within the block"),
        (Restless, "a model merged with itself must stay itself to the last bit"),
        (Modest, "weight 1 must not be the seller's model where replaces is False; it is"),
        (Boastful, "weight 1 must be the seller's model where replaces is True; it is not"),
        (ByPlace, "units in another order must give the same merge"),
        (Unmoved, "units in another order must give the same merge"),
        (EvidenceOfTheCompany, "the evidence of an organisation must be the same bits in any company"),
        (PooledOfTheCompany, "pooled evidence must be the same bits in any company"),
        (Unknown, "evidence must be finite"),
    ],
)
def test_faults_are_found(fault, sentence):
    with pytest.raises(AssertionError, match=sentence):
        check_operator(fault())


def test_what_an_operator_drops_at_random_may_depend_on_the_place():
    check_operator(Dare(rate=0.5))
