"""Batches of genes: packed, trained each in a process of its own, scored."""
