"""Rules of endowments: who gets which examples of the pool. One file a rule.

Core Objects: ENDOWMENTS, EndowmentRule
"""

from markets.registry import Registry, import_submodules
from sim.endowments.base import EndowmentRule, check_endowment_class

ENDOWMENTS: Registry[EndowmentRule] = Registry("endowment", check_endowment_class)

import_submodules(__name__, list(__path__))

__all__ = ["ENDOWMENTS", "EndowmentRule"]
