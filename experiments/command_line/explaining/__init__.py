"""What every configuration key means: read from the classes that hold the keys, never written twice."""
