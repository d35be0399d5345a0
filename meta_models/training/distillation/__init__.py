"""A small model fitted to the out-of-fold scores of a large one."""
