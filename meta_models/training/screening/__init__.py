"""Global leakage screening on a tenth of the genes: features that give the label away are found before training."""

from meta_models.training.screening.report import TABLE, ScreeningFinding, ScreeningReport, Verdict
from meta_models.training.screening.sample import ScreeningSample, choose_screening_genes
from meta_models.training.screening.screen import screen

__all__ = [
    "TABLE",
    "ScreeningFinding",
    "ScreeningReport",
    "ScreeningSample",
    "Verdict",
    "choose_screening_genes",
    "screen",
]
