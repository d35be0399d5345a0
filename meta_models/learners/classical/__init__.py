"""Learners that add up features or measure distances between rows, and what they have in common."""
