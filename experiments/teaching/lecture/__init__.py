"""Lecture mode: people play organisations from their own browsers, in a market that robots fill."""
