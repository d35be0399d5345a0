"""What a feature adds to a score."""
