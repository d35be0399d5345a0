"""Honest meta-models over the scores of splice-site predictors."""

__version__ = "0.1.0"
