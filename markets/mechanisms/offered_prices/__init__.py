"""Prices that are offered: take it at that or do without."""
