"""Gene models from GTF and GFF3 of Ensembl, GENCODE, RefSeq, FlyBase and WormBase."""

from meta_models.build.annotation.models import Annotation, GeneModel, Transcript
from meta_models.build.annotation.reader import read_annotation

__all__ = ["Annotation", "GeneModel", "Transcript", "read_annotation"]
