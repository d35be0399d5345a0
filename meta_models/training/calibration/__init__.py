"""Calibrators, fitted out of fold."""
