"""Settings: how the payoffs of organisations depend on each other. One file a setting.

Core Objects: SETTINGS, Setting
"""

from markets.registry import Registry, import_submodules
from sim.settings.base import Setting

SETTINGS: Registry[Setting] = Registry("setting", Setting)

import_submodules(__name__, list(__path__))
