"""A second pass over what the first one says of whole genes; see `meta_models.training.second_pass.train`."""
