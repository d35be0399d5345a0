"""From genome, annotation and scores to the tables that the trainer reads."""
