"""One model over shards of the rows, each in the memory of a process of its own."""
