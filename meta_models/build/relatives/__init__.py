"""Which genes belong together."""
