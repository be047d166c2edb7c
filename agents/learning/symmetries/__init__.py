"""Symmetries of networks: which hidden units can be permuted without changing what a network answers."""

from agents.learning.symmetries.tracing import Derived, Member, Permutation, derive_symmetries, permuted

__all__ = ["Derived", "Member", "Permutation", "derive_symmetries", "permuted"]
