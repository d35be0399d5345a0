from meta_models.api import TrainingRun as TrainingRun
from meta_models.api import evaluate as evaluate
from meta_models.api import train as train
from meta_models.config import TrainingConfig as TrainingConfig
from meta_models.errors import MetaModelsError as MetaModelsError
from meta_models.estimators import GeneBatchEnsembleClassifier as GeneBatchEnsembleClassifier
from meta_models.estimators import MetaModelClassifier as MetaModelClassifier
from meta_models.inference.ensemble_model_loader import load as load

__version__: str
__all__: list[str]
