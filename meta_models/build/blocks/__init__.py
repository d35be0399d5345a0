"""Blocks of genes: their features, rows and files."""
