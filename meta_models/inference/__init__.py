"""From a saved model to predictions."""
