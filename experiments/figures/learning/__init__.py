"""Figures of learning: what training and trials find."""
