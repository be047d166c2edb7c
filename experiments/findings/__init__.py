"""Findings: what records show, with intervals."""
