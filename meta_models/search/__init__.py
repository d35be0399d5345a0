"""Hyper-parameter search whose figure comes from families that took no part in it."""
