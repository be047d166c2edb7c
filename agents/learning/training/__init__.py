"""Training: many models at once, and what it costs."""
