"""Strategies that live off others' trust."""
