"""What is known of a table beside its scores: whether it was trained on, and whether it looks like training."""
