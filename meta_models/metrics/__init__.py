"""Arrays in, numbers out: every metric of the package, weighted, with a reason where there is no figure."""

from meta_models.metrics.bootstrap import (
    Draws,
    FamilyStatistic,
    Interval,
    MeanStatistic,
    PairedBootstrap,
    RankingStatistic,
    family_bootstrap,
    interval_of,
    observed,
    paired_bootstrap,
)
from meta_models.metrics.curves import CurvePoints, pr_curve_points, roc_curve_points
from meta_models.metrics.decisions import accuracy, class_f1, confusion, decided, macro_f1
from meta_models.metrics.design import design_interval
from meta_models.metrics.heavy_rows import (
    HeavyRows,
    design_error,
    heavy_row_share,
    sound_average_precision,
    weight_effects,
)
from meta_models.metrics.opponents import best_by_fold, best_scorer, mean_site_ap
from meta_models.metrics.probabilities import (
    ReliabilityBins,
    brier_score,
    expected_calibration_error,
    log_loss,
    normalised,
    reliability_bins,
)
from meta_models.metrics.ranking import (
    RankedFamilies,
    average_precision,
    false_positives_per_megabase,
    precision_at_recall,
    roc_auc,
    top_k_accuracy,
)
from meta_models.metrics.registry import METRICS, MetricSpec
from meta_models.metrics.site_figures import Gain, Resampled, SiteFigures, SiteResamples
from meta_models.metrics.sums import SumStatistic
from meta_models.metrics.value import Metric
from meta_models.metrics.weights import effective_sample_size, prevalence_weights

__all__ = [
    "METRICS",
    "CurvePoints",
    "Draws",
    "FamilyStatistic",
    "Gain",
    "HeavyRows",
    "Interval",
    "MeanStatistic",
    "Metric",
    "MetricSpec",
    "PairedBootstrap",
    "RankedFamilies",
    "RankingStatistic",
    "ReliabilityBins",
    "Resampled",
    "SiteFigures",
    "SiteResamples",
    "SumStatistic",
    "accuracy",
    "average_precision",
    "best_by_fold",
    "best_scorer",
    "brier_score",
    "class_f1",
    "confusion",
    "decided",
    "design_error",
    "design_interval",
    "effective_sample_size",
    "expected_calibration_error",
    "false_positives_per_megabase",
    "family_bootstrap",
    "heavy_row_share",
    "interval_of",
    "log_loss",
    "macro_f1",
    "mean_site_ap",
    "normalised",
    "observed",
    "paired_bootstrap",
    "pr_curve_points",
    "precision_at_recall",
    "prevalence_weights",
    "reliability_bins",
    "roc_auc",
    "roc_curve_points",
    "sound_average_precision",
    "top_k_accuracy",
    "weight_effects",
]
