"""XGBoost: quantised matrix, boosters, the check of their files."""
