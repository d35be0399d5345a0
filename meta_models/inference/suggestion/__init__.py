"""Which genes would teach a model most: scored as it is, chosen one of a family, told with reasons."""
