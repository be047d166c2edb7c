"""Rules of royalties: how the cooperative setting shares what a round of trades changed. One file a rule.

Core Objects: ROYALTY_RULES, RoyaltyRule, RoundGame
"""

from markets.registry import Registry, import_submodules
from sim.exchange.royalty_rules.base import RoundGame, RoyaltyRule

ROYALTY_RULES: Registry[RoyaltyRule] = Registry("royalty rule", RoyaltyRule)

import_submodules(__name__, list(__path__))
