"""Models in files of their own: written by runs, read to start from, to be appraised, or to be used."""
