"""Later stages of training, on some of the rows, each from where the one before it ended; see `stages.train`."""
