"""The model file: a pickle that is never unpickled here.

``pickle.load`` calls :func:`_restore_model` of this package; its name and place are frozen for ever.
"""

from meta_models.persistence.archive import MAX_BYTES
from meta_models.persistence.codec import MODEL_FORMAT
from meta_models.persistence.model_file import ModelFile, _restore_model, dump_model, load_model, open_model_file

__all__ = ["MAX_BYTES", "MODEL_FORMAT", "ModelFile", "_restore_model", "dump_model", "load_model", "open_model_file"]
