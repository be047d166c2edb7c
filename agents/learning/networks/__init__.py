"""Networks by name. A network is a configuration that binds to data and so becomes an architecture.

Core Objects: NETWORKS, Network, Architecture
"""

from agents.learning.networks.base import NETWORKS, Architecture, Network
from markets.registry import import_submodules

import_submodules(__name__, list(__path__))
