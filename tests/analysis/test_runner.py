from __future__ import annotations

import gc
import json
import os
import subprocess
import sys
from dataclasses import replace

import pytest
from matplotlib.figure import Figure

from meta_models.analysis.framework.base import Analysis, AnalysisContext, Findings
from meta_models.analysis.framework.outcome import Outcome, Status
from meta_models.analysis.plots.style import new_figure
from meta_models.analysis.registry import ANALYSES
from meta_models.analysis.runner import OUTCOMES, run_analyses, selected
from meta_models.config import TrainingConfig
from meta_models.errors import UsageError, WriteError


class Good(Analysis):
    code, title = "good", "Good"

    def run(self, context: AnalysisContext) -> Outcome:
        found = Findings(context.writer)
        found.write("good.txt", "written")
        return self.done(found)


class Draws(Analysis):
    """Its figures are made where they are drawn."""

    code, title = "draws", "Draws"

    def __init__(self, error: type[Exception] | None = None) -> None:
        self.error = error

    def run(self, context: AnalysisContext) -> Outcome:
        found = Findings(context.writer)
        found.draw("made.png", self.figure, "Made by another process", "", pdf="made.pdf")
        return self.done(found)

    def figure(self) -> Figure:
        if self.error is not None:
            raise self.error("no ink")
        figure, axes = new_figure(1, 2)
        axes[0][0].set_title(str(os.getpid()))
        return figure


class Slow(Good):
    code, title, slow = "slow", "Slow", True


class Breaks(Analysis):
    code, title = "breaks", "Breaks"
    error: type[BaseException] = ZeroDivisionError

    def run(self, context: AnalysisContext) -> Outcome:
        context.writer.write_text("half.txt", "before the failure")
        raise self.error("no <luck>")


class Unwritable(Breaks):
    error = WriteError


class Interrupted(Breaks):
    error = KeyboardInterrupt


def with_analyses(context: AnalysisContext, *analyses: str) -> AnalysisContext:
    return replace(
        context, result=replace(context.result, config=context.config.model_copy(update={"analyses": analyses}))
    )


def test_a_failed_analysis_loses_nothing_and_is_no_success(context: AnalysisContext) -> None:
    run = run_analyses(context, (Breaks(), Good()))
    broken, good = run.outcomes
    assert (broken.status, good.status) == (Status.FAILED, Status.PASSED)
    assert run.failed == (broken,)
    assert broken.reason == "ZeroDivisionError: no <luck>"
    assert "test_runner.py" in broken.traceback
    assert "/" not in broken.traceback.splitlines()[-2].split(":")[0]
    assert set(context.writer.files) == {"half.txt", "good.txt", OUTCOMES}
    written = json.loads(context.writer.files[OUTCOMES])
    assert [entry["status"] for entry in written] == ["failed", "passed"]
    assert written[0]["traceback"] == broken.traceback


@pytest.mark.parametrize("threads", [1, 2])
def test_a_figure_that_is_made_where_it_is_drawn(context: AnalysisContext, threads: int) -> None:
    run = run_analyses(replace(context, threads=threads), (Draws(), Good()))
    assert [outcome.status for outcome in run.outcomes] == [Status.PASSED] * 2
    (picture,) = run.outcomes[0].pictures
    assert picture.title == "Made by another process"
    assert run.outcomes[0].artifacts == ("made.png", "made.pdf")
    assert context.writer.files["made.png"] == picture.png
    assert picture.png.startswith(b"\x89PNG")


@pytest.mark.parametrize("threads", [1, 2])
def test_a_figure_that_cannot_be_made_fails_its_analysis_with_the_traceback(
    context: AnalysisContext, threads: int
) -> None:
    run = run_analyses(replace(context, threads=threads), (Draws(ZeroDivisionError), Good()))
    broken, good = run.outcomes
    assert (broken.status, good.status) == (Status.FAILED, Status.PASSED)
    assert broken.reason == "ZeroDivisionError: no ink"
    assert "in figure: raise self.error" in broken.traceback


def test_garbage_is_collected_as_before_afterwards(context: AnalysisContext) -> None:
    before = gc.get_threshold()
    run_analyses(context, (Breaks(), Good()))
    assert gc.get_threshold() == before


@pytest.mark.parametrize(("analysis", "error"), [(Unwritable(), WriteError), (Interrupted(), KeyboardInterrupt)])
def test_a_full_disk_and_an_interrupt_end_the_run(
    context: AnalysisContext, analysis: Analysis, error: type[BaseException]
) -> None:
    with pytest.raises(error):
        run_analyses(context, (analysis, Good()))


def test_slow_analyses_run_only_when_asked_for(context: AnalysisContext) -> None:
    skipped = run_analyses(context, (Good(), Slow())).outcomes[1]
    assert skipped.status is Status.SKIPPED
    assert "--analyses default slow" in skipped.reason
    for asked in (("all",), ("default", "slow"), ("slow",)):
        outcomes = run_analyses(with_analyses(context, *asked), (Good(), Slow())).outcomes
        assert outcomes[1].status is Status.PASSED
        assert (outcomes[0].status is Status.SKIPPED) == (asked == ("slow",))


def test_an_unknown_code_is_refused() -> None:
    with pytest.raises(UsageError, match=r"curves.*Found curvs"):
        selected(TrainingConfig(analyses=("curvs",)))


def test_codes_are_unique_and_all_are_selected_by_default() -> None:
    codes = [analysis.code for analysis in ANALYSES]
    assert len(set(codes)) == len(codes)
    assert selected(TrainingConfig()) == {a.code for a in ANALYSES if not a.slow}


def test_importing_the_analyses_loads_neither_matplotlib_nor_shap() -> None:
    heavy = ("matplotlib", "shap", "jinja2", "xgboost")
    imports = "import sys, meta_models.analysis.runner, meta_models.analysis.report"
    code = f"{imports}; print([m for m in {heavy} if m in sys.modules])"
    found = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert found.stdout.strip() == "[]"
