"""The exchange: goods are listed, offers become orders, a rule clears them, and the ledger settles.

Nothing here knows a world: what a function needs of one it is given, as columns of a round.
"""
