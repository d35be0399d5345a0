"""Everything after training, from a :class:`~meta_models.result.TrainingResult` alone; see ``registry.ANALYSES``."""
