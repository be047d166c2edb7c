"""The traders of the literature on double auctions."""
