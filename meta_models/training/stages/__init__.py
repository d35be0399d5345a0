"""Training again with what the first training tells of its rows."""
