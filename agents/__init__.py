"""Who trades: organisations, their strategies, and the machinery of their parameters.

`agents.learning` holds networks, the fleet, alignment, trials and merging; it knows nothing of money or of
markets.
"""
