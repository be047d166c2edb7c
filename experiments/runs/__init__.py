"""Runs: played, saved, gone on with, and concluded."""
