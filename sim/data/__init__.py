"""Data: datasets, endowments and how they are divided."""
