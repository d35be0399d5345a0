"""Fitting the models of one table: folds, jobs, units."""
