"""How members are combined."""
