"""The laboratory: data, the fleet, and every batched computation that worlds ask for."""

from sim.laboratory.laboratory import Laboratory
