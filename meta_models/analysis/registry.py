"""All analyses, in the order in which they run and stand in the report. A new one is one file and one line here."""

from __future__ import annotations

from meta_models.analysis.errors.bins import ErrorBins
from meta_models.analysis.errors.genes import Genes
from meta_models.analysis.errors.sites import Sites
from meta_models.analysis.fit_quality.ensemble import Ensemble
from meta_models.analysis.fit_quality.mining import Mining
from meta_models.analysis.fit_quality.overfitting import Overfitting
from meta_models.analysis.framework.base import Analysis
from meta_models.analysis.importance.features import Features
from meta_models.analysis.importance.gene_inputs import GeneInputs
from meta_models.analysis.importance.methods import Importance
from meta_models.analysis.importance.shap import ShapValues
from meta_models.analysis.performance.base_vs_meta import BaseVersusMeta
from meta_models.analysis.performance.calibration import Calibration
from meta_models.analysis.performance.curves import Curves
from meta_models.analysis.performance.decisions import Decisions
from meta_models.analysis.performance.leaderboard import Leaderboard
from meta_models.analysis.performance.targets import Targets
from meta_models.analysis.retraining.group_ablation import GroupAblation
from meta_models.analysis.retraining.learning_curve import LearningCurve
from meta_models.analysis.retraining.shuffled_labels import ShuffledLabels

ANALYSES: tuple[Analysis, ...] = (
    BaseVersusMeta(),
    Leaderboard(),
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
    GeneInputs(),
    Overfitting(),
    Mining(),
    Ensemble(),
    GroupAblation(),
    LearningCurve(),
    ShuffledLabels(),
)
