"""Bargaining: pairs that share what there is to gain."""
