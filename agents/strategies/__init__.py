"""Strategies: how organisations ask, bid and merge. One file a strategy.

Core Objects: STRATEGIES, Strategy, AskView, BidView, ClaimView, MergeView, OutcomeView, Tape
"""

from agents.strategies.base import (
    AskView,
    BidView,
    ClaimView,
    Memory,
    MergeView,
    OutcomeView,
    Strategy,
    Tape,
    check_strategy_class,
)
from markets.registry import Registry, import_submodules

STRATEGIES: Registry[Strategy] = Registry("strategy", Strategy, check_strategy_class)

import_submodules(__name__, list(__path__))
