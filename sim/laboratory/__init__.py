"""The laboratory: data, the fleet, and every batched computation that worlds ask for.

Core Objects: Laboratory
"""

from sim.laboratory.laboratory import Laboratory

__all__ = ["Laboratory"]
