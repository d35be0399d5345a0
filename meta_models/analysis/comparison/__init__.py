"""Model against base models: differences with their intervals."""
