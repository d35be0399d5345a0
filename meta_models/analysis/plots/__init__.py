"""Plots: each takes data and an ``ax`` and returns the ``ax``; none computes a metric or saves a file."""
