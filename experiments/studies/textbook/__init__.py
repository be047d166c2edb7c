"""Textbook markets: published results on induced values, measured beside theory. One preset a file.

Core Objects: TEXTBOOK, Preset
"""

from experiments.studies.textbook import presets
from experiments.studies.textbook.base import TEXTBOOK, Preset
from markets.registry import import_submodules

import_submodules(presets.__name__, list(presets.__path__))
