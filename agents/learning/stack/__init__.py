"""The stack: many models as one set of tensors, and the memory that computing on them takes."""
