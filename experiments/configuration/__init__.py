"""Configuration: keys, choices, and how Hydra composes them."""
