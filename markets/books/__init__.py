"""Books: quotes that stand, and how they meet."""
