"""Figures of the market: prices, books, and who trades with whom."""
