"""Benchmarks: ways compared in one run."""
