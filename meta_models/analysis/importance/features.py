"""What every column became: the feature manifest."""

from __future__ import annotations

import polars as pl

from meta_models.analysis.framework.base import Analysis, AnalysisContext, Draws, Findings
from meta_models.analysis.framework.outcome import Outcome, ReportTable
from meta_models.result import TrainingResult
from meta_models.schema import CLASS_NAMES


class Features(Analysis):
    """Writes ``feature_manifest.csv``."""

    code = "features"
    title = "Features"
    draws = Draws.NOTHING

    def run(self, context: AnalysisContext) -> Outcome:
        """One row per column of the table that could be a feature."""
        found = Findings(context.writer)
        manifest = feature_manifest(context.result)
        file = found.write("feature_manifest.csv", manifest)
        unused = manifest.filter((pl.col("status") == "kept") & (pl.col("gain_total") == 0)).height
        if unused:
            found.tell(
                f"{unused} of {len(context.result.kept_features)} kept features stand in no tree of the final model."
            )
        groups = (
            manifest.group_by("group", maintain_order=True)
            .agg(
                (pl.col("status") == "kept").sum().alias("kept"),
                (pl.col("status") == "excluded").sum().alias("excluded"),
                *(pl.col(f"gain_share_{name}").sum() for name in CLASS_NAMES),
            )
            .sort("gain_share_donor", descending=True)
        )
        found.tables.append(ReportTable("Feature groups", groups, "Share of the gain of each class's booster."))
        found.tables.append(ReportTable("All features", manifest.drop("gain_total"), "", file))
        return self.done(found)


def feature_manifest(result: TrainingResult) -> pl.DataFrame:
    """Name, group, dtype, missing share, gain in each class, kept or excluded and why; in the table's order."""
    rows = [
        {
            "name": record.name,
            "group": record.group.value,
            "dtype": record.dtype,
            "missing_share": record.missing_share,
            **{f"gain_{name}": None if record.gain is None else record.gain.get(name) for name in CLASS_NAMES},
            "status": "kept" if record.excluded is None else "excluded",
            "reason": record.excluded or "",
        }
        for record in result.features
    ]
    gains = [f"gain_{name}" for name in CLASS_NAMES]
    schema = {"name": pl.String, "group": pl.String, "dtype": pl.String, "missing_share": pl.Float64}
    frame = pl.DataFrame(
        rows, schema={**schema, **dict.fromkeys(gains, pl.Float64), "status": pl.String, "reason": pl.String}
    )
    shares = [_share(f"gain_{name}").alias(f"gain_share_{name}") for name in CLASS_NAMES]
    return frame.with_columns(*shares, pl.sum_horizontal(gains).alias("gain_total"))


def _share(column: str) -> pl.Expr:
    total = pl.col(column).sum()
    return pl.when(total > 0).then(pl.col(column) / total)
