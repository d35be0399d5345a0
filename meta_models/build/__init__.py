"""From a genome, an annotation and tracks of base scores to the tables that the trainer reads."""
