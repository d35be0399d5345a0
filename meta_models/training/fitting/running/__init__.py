"""Fits side by side or in turn, here or on other machines, each kept as it ends."""
