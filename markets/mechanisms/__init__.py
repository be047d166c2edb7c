"""Mechanisms: rules that turn orders into trades and payments, one file each.

Core Objects: MECHANISMS, Mechanism, Properties
"""

from markets.mechanisms.base import MECHANISMS, Mechanism, Properties
from markets.registry import import_submodules

import_submodules(__name__, list(__path__))
