"""Figures of welfare: how much there is, and who gets it."""
