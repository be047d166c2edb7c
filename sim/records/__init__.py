"""Records: what a round leaves, and the folder that keeps it."""
