"""Blocks: what sellers cut from their models, and the bundles of layers that they list. One file a cut.

Core Objects: BLOCKS, Blocks, Cut, BUNDLES, Bundles
"""

from markets.registry import Registry, import_submodules
from sim.exchange.blocks.base import Blocks, Bundles, Cut

BLOCKS: Registry[Blocks] = Registry("cut of blocks", Blocks)
BUNDLES: Registry[Bundles] = Registry("bundles", Bundles)

import_submodules(__name__, list(__path__))
