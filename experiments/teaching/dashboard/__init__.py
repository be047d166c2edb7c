"""The dashboard: a market to watch and play with in a browser."""
