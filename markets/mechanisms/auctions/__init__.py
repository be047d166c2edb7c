"""Auctions of one listing at a time."""
