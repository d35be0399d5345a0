"""Analyses that train again."""
