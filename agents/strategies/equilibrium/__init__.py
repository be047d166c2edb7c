"""Strategies that theory says are in equilibrium."""
