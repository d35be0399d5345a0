from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import replace

import pytest

from meta_models.analysis.base import Analysis, AnalysisContext, Findings
from meta_models.analysis.outcome import Outcome, Status
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
