"""Positions of a genome: as rows that are scored, and scored ones as tracks."""
