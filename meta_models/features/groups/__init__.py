"""Groups of features, and the table of them."""
