"""Runs the analyses and keeps what became of each. The one place of the package that catches every exception."""

from __future__ import annotations

import gc
import logging
import time
import traceback
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias, TypeVar

from threadpoolctl import threadpool_limits

from meta_models.analysis.comparison.table import EvaluationTable
from meta_models.analysis.framework.base import Analysis, AnalysisContext, codes
from meta_models.analysis.framework.needs import needs_of
from meta_models.analysis.framework.outcome import Outcome, Status
from meta_models.analysis.plots.sheets import Drawing, Files, draw
from meta_models.analysis.registry import ANALYSES
from meta_models.config import TrainingConfig
from meta_models.dataset.profile import DatasetProfile
from meta_models.errors import UsageError, WriteError
from meta_models.resources import keep_freed_memory
from meta_models.resources.needs import AnalysisNeeds
from meta_models.workers import Background

log = logging.getLogger(__name__)

Value = TypeVar("Value")

OUTCOMES = "analysis_outcomes.json"
DEFAULT, ALL = "default", "all"


@dataclass(frozen=True)
class AnalysisRun:
    """Returned by :func:`run_analyses`.

    Attributes
    ----------
    outcomes : tuple of Outcome
        One for each registered analysis, in order.
    seconds : mapping of code to float
        Wall time; kept apart from the outcomes, which are the same for equal runs.
    evaluation : EvaluationTable or None
        Base against meta-model; None where no analysis asked for it or it failed.
    """

    outcomes: tuple[Outcome, ...]
    seconds: Mapping[str, float]
    evaluation: EvaluationTable | None = None

    @property
    def failed(self) -> tuple[Outcome, ...]:
        """Those that failed."""
        return tuple(outcome for outcome in self.outcomes if outcome.status is Status.FAILED)

    @property
    def missed_targets(self) -> int:
        """Limits of the user that were missed."""
        return sum(outcome.missed_targets for outcome in self.outcomes)


def selected(config: TrainingConfig, analyses: Sequence[Analysis] = ANALYSES) -> frozenset[str]:
    """Codes that `config.analyses` asks for, and the targets where limits are given.

    Call it before training: a wrong code must not cost a training.

    Raises
    ------
    UsageError
        For a code that does not exist.
    """
    known = set(codes(analyses))
    if unknown := sorted(set(config.analyses) - known - {DEFAULT, ALL}):
        raise UsageError(
            f"--analyses takes codes among {', '.join(sorted(known))}, or 'default' or 'all'",
            f"Found {', '.join(unknown)}",
        )
    chosen = set(config.analyses) & known
    for analysis in analyses:
        if ALL in config.analyses or (DEFAULT in config.analyses and not analysis.slow):
            chosen.add(analysis.code)
    if config.targets is not None:
        chosen |= {"targets"} & known
    return frozenset(chosen)


def analysis_needs(profile: DatasetProfile, config: TrainingConfig, threads: int) -> AnalysisNeeds:
    """Predicted memory of the analyses that `config` asks for."""
    chosen = selected(config)
    return needs_of([analysis for analysis in ANALYSES if analysis.code in chosen], profile, config, threads)


def run_analyses(context: AnalysisContext, analyses: Sequence[Analysis] = ANALYSES) -> AnalysisRun:
    """Run what the configuration asks for and write ``analysis_outcomes.json``.

    An analysis that raises is recorded as failed, with its traceback; the others run on. Interrupts are not caught.

    Raises
    ------
    UsageError
        For a code that does not exist.
    WriteError
        If an artifact cannot be written: that is no failure of the analysis, and the next would fail alike.
    """
    chosen = selected(context.config, analyses)
    keep_freed_memory()
    for model in (context.result.model, *context.result.fold_models.values()):
        model.set_threads(context.threads)
    seconds = dict.fromkeys(codes(analyses), 0.0)
    with closing(Background(_attempted_drawing, processes=context.threads)) as drawings, _few_collections():
        begun = []
        for analysis in analyses:
            with _timed(seconds, analysis.code):
                wanted = analysis.code in chosen
                outcome = _computed(analysis, context) if wanted else analysis.skipped(_why_skipped(analysis))
                number = drawings.submit(Drawing(outcome.code, outcome.sheets)) if outcome.sheets else None
            log.info("analysis %s: %s (%.1f s)", analysis.code, outcome.status.value, seconds[analysis.code])
            begun.append((analysis, outcome, number))
        outcomes = []
        for analysis, outcome, number in begun:
            with _timed(seconds, analysis.code):
                outcomes.append(outcome if number is None else _drawn(analysis, outcome, number, drawings, context))
    if context.retrainer is not None:
        context.retrainer.release()
    context.writer.write_json(OUTCOMES, [outcome.to_json() for outcome in outcomes])
    return AnalysisRun(tuple(outcomes), seconds, context.known_evaluation)


@contextmanager
def _few_collections() -> Iterator[None]:
    """Within the block, and in processes forked there, garbage is looked for a hundredth as often.

    Modules and figures are a million objects: going through them again and again takes a second, and frees little.
    """
    before = gc.get_threshold()
    gc.set_threshold(100 * before[0], *before[1:])
    try:
        yield
    finally:
        gc.set_threshold(*before)


@contextmanager
def _timed(seconds: dict[str, float], code: str) -> Iterator[None]:
    started = time.perf_counter()
    yield
    seconds[code] += time.perf_counter() - started


def _computed(analysis: Analysis, context: AnalysisContext) -> Outcome:
    with threadpool_limits(1, user_api="blas"):  # many small products: threads would only wait for one another
        found = _attempted(lambda: analysis.run(context))
    return _failed(analysis, found) if isinstance(found, _Failure) else found


def _drawn(
    analysis: Analysis, outcome: Outcome, number: int, drawings: Background[Drawing, _Drawn], context: AnalysisContext
) -> Outcome:
    """The outcome with its figures, which are written."""
    found = _attempted(lambda: drawings.result(number))
    if isinstance(found, _Failure):
        return _failed(analysis, found)
    for name, data in found.items():
        context.writer.write_bytes(name, data)
    return outcome.with_files(found)


@dataclass(frozen=True)
class _Failure:
    """What an analysis, or the drawing of its figures, raised."""

    reason: str
    traceback: str


_Drawn: TypeAlias = Files | _Failure


def _attempted(work: Callable[[], Value | _Failure]) -> Value | _Failure:
    try:
        return work()
    except WriteError:
        raise
    except Exception as error:  # noqa: BLE001 - the one broad except: an analysis must not lose the others or the model
        return _Failure(f"{type(error).__name__}: {error}", _portable_traceback(error))


def _attempted_drawing(drawing: Drawing) -> _Drawn:
    return _attempted(lambda: draw(drawing))


def _failed(analysis: Analysis, failure: _Failure) -> Outcome:
    log.error("analysis %s failed\n%s", analysis.code, failure.traceback)
    return Outcome(analysis.code, analysis.title, Status.FAILED, failure.reason, traceback=failure.traceback)


def _why_skipped(analysis: Analysis) -> str:
    if analysis.slow:
        return (
            f"slow: trains again; run it with --analyses default {analysis.code}, or all slow ones with --analyses all"
        )
    return f"not among --analyses; run it with --analyses {analysis.code}"


def _portable_traceback(error: BaseException) -> str:
    """The traceback with file names instead of paths, which differ between machines."""
    frames = traceback.extract_tb(error.__traceback__)
    lines = [f"{_short(frame.filename)}:{frame.lineno} in {frame.name}: {frame.line}" for frame in frames]
    return "\n".join([*lines, "".join(traceback.format_exception_only(error)).rstrip()])


def _short(filename: str) -> str:
    parts = Path(filename).parts
    for root in ("meta_models", "site-packages"):
        if root in parts:
            start = len(parts) - 1 - parts[::-1].index(root)
            return "/".join(parts[start + (root == "site-packages") :])
    return parts[-1]
