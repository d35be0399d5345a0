"""Tracks of scores and evidence: opened, aligned, shifted, held."""
