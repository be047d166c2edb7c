"""Strategies that learn from what came of their offers."""
