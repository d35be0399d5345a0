"""What is fitted: one learner, one place."""
