"""The one loop of training, its jobs and checkpoints, and what is prepared for them."""
