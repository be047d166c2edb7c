"""Matching: who trades with whom, and how a surplus is shared."""
