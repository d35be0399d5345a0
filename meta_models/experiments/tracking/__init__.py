"""Finished runs in trackers of experiments."""
