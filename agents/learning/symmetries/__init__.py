"""Symmetries of networks: which hidden units can be permuted without changing what a network answers."""
