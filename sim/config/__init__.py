"""The configuration of a world."""
