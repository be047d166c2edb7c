"""Consumers: demand, profits and welfare."""
