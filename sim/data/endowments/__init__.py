"""Rules of endowments: who gets which examples of the pool. One file a rule.

Core Objects: ENDOWMENTS, EndowmentRule
"""

from markets.registry import Registry, import_submodules
from sim.data.endowments.base import EndowmentRule

ENDOWMENTS: Registry[EndowmentRule] = Registry("endowment", EndowmentRule)

import_submodules(__name__, list(__path__))
