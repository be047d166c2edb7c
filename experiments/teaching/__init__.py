"""Teaching: a market live, in class and in notebooks."""
