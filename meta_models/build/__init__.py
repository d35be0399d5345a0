<<<<<<< HEAD
"""From a genome, an annotation and tracks of base scores to the tables that the trainer reads."""
=======
"""From genome, annotation and scores to the tables that the trainer reads."""
>>>>>>> features
