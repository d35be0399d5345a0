"""Genomes, names of contigs, regions: what is read besides scores."""
