"""Auctions of different listings, or bundles of them, at the same time."""
