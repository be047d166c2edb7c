"""Appraisals: what one model is worth to another, without a market."""
