"""What a learner is given of the rows: columns, genes, windows, and the margins that it starts from."""
