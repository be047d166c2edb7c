"""Checks: mechanisms held to what they declare, and markets to what theory says."""
