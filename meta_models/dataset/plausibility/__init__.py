"""What a table says that cannot be, or hardly: rows and genes twice, fractional positions, exchanged scores."""
