"""Golden records: the tables of small worlds as they were, so that a change that moves a number is seen."""
