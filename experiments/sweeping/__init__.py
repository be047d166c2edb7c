"""Sweeps that go on where they stopped: the plan, its cells, the launchers and the progress of the whole."""
