"""Priors: what a rule knows about the values of buyers, given or estimated from past bids, one file a family.

Core Objects: PRIORS, Prior, Distribution, to_prior
"""

from markets.priors.base import PRIORS, Distribution, Prior, to_prior
from markets.registry import import_submodules

import_submodules(__name__, list(__path__))
