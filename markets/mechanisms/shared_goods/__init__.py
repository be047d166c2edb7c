"""Rules for a good that all share, and for what it costs."""
