"""Prices when each side knows its own gain alone, and what telling more of the other's does to them."""
