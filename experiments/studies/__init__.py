"""Studies: experiments of several worlds, each with its question."""
