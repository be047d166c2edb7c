"""Runs, and the cells of sweeps and studies: played, saved, gone on with, and concluded."""
