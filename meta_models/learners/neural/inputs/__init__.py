"""What a net sees: genes and windows in a cache on disk, as crops, tiles and batches."""
