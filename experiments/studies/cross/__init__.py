"""The cross table: every mechanism against every strategy in every setting, on parameters."""
