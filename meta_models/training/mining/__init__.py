"""Hard negatives: found among all positions, trained on, too."""
