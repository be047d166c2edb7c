"""Alignment: which unit of one network is which of another. One file a way.

Core Objects: ALIGNMENTS, Alignment
"""

from agents.learning.alignment.base import ALIGNMENTS, Alignment
from markets.registry import import_submodules

import_submodules(__name__, list(__path__))
