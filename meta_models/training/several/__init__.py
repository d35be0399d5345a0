"""Several learners in one run: each is trained by the strategy, and together they are combined."""
