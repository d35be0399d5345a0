"""From a genome, an annotation and the scores of base models to a folder that can be trained on."""
