"""Learners that see whole genes: small nets over sequence, base scores and evidence. PyTorch is imported when used."""
