"""Orders: from the door to the columns that a mechanism clears."""
