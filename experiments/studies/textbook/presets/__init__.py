"""The textbook presets."""
