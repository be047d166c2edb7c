"""Baselines: how organisations learn together without a market. One file a baseline.

Core Objects: BASELINES, Baseline
"""

from markets.registry import Registry, import_submodules
from sim.baselines.base import Baseline

BASELINES: Registry[Baseline] = Registry("baseline", Baseline)

import_submodules(__name__, list(__path__))
