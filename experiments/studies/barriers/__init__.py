"""What aligning by derived symmetries is worth: loss barriers between models of different starts."""
