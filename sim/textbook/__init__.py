"""Textbook markets: induced values in the place of models."""
