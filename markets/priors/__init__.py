"""Priors: what a rule knows about the values of buyers, given or estimated from past bids, one file a family.

Core Objects: PRIORS, PRIOR, Prior, Distribution
"""

from markets.priors.base import PRIOR, PRIORS, Distribution, Prior
from markets.registry import import_submodules

import_submodules(__name__, list(__path__))
