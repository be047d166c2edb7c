"""Who trades: organisations, their strategies, and the machinery of their parameters.

`agents.learning` holds networks, the fleet, alignment, trials and merging; it knows nothing of money or of
markets.
"""

# Mesa looks through all modules there are when it is first imported: with torch's, that takes a second.
import mesa
