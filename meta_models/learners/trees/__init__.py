"""What learners of trees have in common: bins, cuts, and trees of any library as XGBoost boosters."""
