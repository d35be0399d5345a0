"""All analyses, in the order in which they run and stand in the report. A new one is one file and one line here."""

from __future__ import annotations

from meta_models.analysis.base import Analysis
from meta_models.analysis.base_vs_meta import BaseVersusMeta
from meta_models.analysis.calibration import Calibration
from meta_models.analysis.curves import Curves
from meta_models.analysis.decisions import Decisions
from meta_models.analysis.ensemble import Ensemble
from meta_models.analysis.error_bins import ErrorBins
from meta_models.analysis.features import Features
from meta_models.analysis.genes import Genes
from meta_models.analysis.group_ablation import GroupAblation
from meta_models.analysis.importance import Importance
from meta_models.analysis.learning_curve import LearningCurve
from meta_models.analysis.mining import Mining
from meta_models.analysis.overfitting import Overfitting
from meta_models.analysis.shap_values import ShapValues
from meta_models.analysis.shuffled_labels import ShuffledLabels
from meta_models.analysis.sites import Sites
from meta_models.analysis.targets import Targets

ANALYSES: tuple[Analysis, ...] = (
    BaseVersusMeta(),
    Targets(),
    Curves(),
    Decisions(),
    Calibration(),
    Sites(),
    Genes(),
    ErrorBins(),
    Features(),
    ShapValues(),
    Importance(),
    Overfitting(),
    Mining(),
    Ensemble(),
    GroupAblation(),
    LearningCurve(),
    ShuffledLabels(),
)
