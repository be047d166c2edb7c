"""Searches for the merge weight with the least validation loss, for many trials at once. One file a search.

A search sees losses only: it asks for the losses of all trials, each at weights of its own, and the weight
0, no purchase, is always among what it compares. So a gain is never negative, whatever the search. The
greater part of a trial's cost is the forward passes, one a weight; searches differ in how many they take.

Core Objects: WEIGHT_SEARCHES, WeightSearch, GivenWeights
"""

from agents.learning.operations.weight_searches.base import GivenWeights, LossAt, WeightSearch
from markets.registry import Registry, import_submodules

WEIGHT_SEARCHES: Registry[WeightSearch] = Registry("weight search", WeightSearch)

import_submodules(__name__, list(__path__))
