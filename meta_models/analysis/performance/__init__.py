"""Figures and curves of the model, out of fold."""
