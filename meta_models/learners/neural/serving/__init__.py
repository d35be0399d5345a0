"""Trained nets that score, and why they score as they do."""
