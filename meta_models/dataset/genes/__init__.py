"""Genes of a built folder: their columns, where they lie, which belong together, and their positions as rows."""
