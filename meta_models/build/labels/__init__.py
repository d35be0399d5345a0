"""Which positions are sites."""
