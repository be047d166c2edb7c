"""Alignment: which unit of one network is which of another."""
