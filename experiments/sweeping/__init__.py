"""Sweeps that go on where they stopped: the plan, the launchers and the tables."""
