"""Finished runs compared: which is better, by how much, and whether that is more than chance."""
