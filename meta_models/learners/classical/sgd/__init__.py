"""Logistic regression on bins by stochastic gradient descent: options, predictor, descent."""
