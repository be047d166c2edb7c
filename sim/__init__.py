"""The world: the Mesa model and its round, data, broker, settings, welfare, records and checkpoints."""
