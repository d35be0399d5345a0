"""What is told of fits that saw fewer rows than there were, or ended before they had converged."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from meta_models.config import TrainingConfig
from meta_models.result import FitRecord
from meta_models.training.fitting.rows.audit import SAMPLE_BYTES, sample_size


def fit_notes(fits: Sequence[FitRecord]) -> Iterator[str]:
    """A sentence on the rows of the largest fit, where a limit left some out, and one on fits that did not converge.

    Parameters
    ----------
    fits : sequence of FitRecord
        Of one learner. Looked at are the facts ``rows``, ``rows_to_draw_from`` and ``limit`` (an option), and
        ``converged``.
    """
    limited = [fit for fit in fits if _left_out(fit)]
    if limited:
        fit = max(limited, key=_left_out)
        rows, total, option = fit.facts["rows"], fit.facts["rows_to_draw_from"], _option(fit, fit.facts["limit"])
        yield f"A fit keeps {rows:,} of {total:,} rows ({option}): sites first, then drawn ones of the rest."
    short = sum(fit.facts.get("converged") is False for fit in fits)
    if short:
        yield f"{short} of {len(fits)} fits ended at {_option(fits[0], 'max_iterations')} before they had converged."


def sample_note(config: TrainingConfig, features: int, rows: int) -> Iterator[str]:
    """A sentence on the rows that set bins and scales, where a table of so many features takes fewer than asked for."""
    sampled = sample_size(features, config)
    if config.learner.traits.inputs == "rows" and sampled < min(config.cut_sample_rows, rows):
        yield (
            f"{sampled:,} rows set bins and scales, not --cut-sample-rows {config.cut_sample_rows:,}: of "
            f"{features:,} features more would take over {SAMPLE_BYTES / 1e6:.0f} MB."
        )


def _option(fit: FitRecord, name: str) -> str:
    return f"--{fit.learner}.{name}".replace("_", "-")


def _left_out(fit: FitRecord) -> int:
    facts = fit.facts
    return int(facts["rows_to_draw_from"]) - int(facts["rows"]) if "limit" in facts else 0
