"""Bounds on gains: what may be said of a trial before it is made."""
