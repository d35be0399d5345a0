"""For people: ``training_summary.txt``, ``report.html`` and ``model_card.md``, all from one `ReportInput`."""

from meta_models.analysis.report.card import render_model_card
from meta_models.analysis.report.html import render_report
from meta_models.analysis.report.input import ArtifactCheck, ReportInput
from meta_models.analysis.report.summary import render_summary

__all__ = ["ArtifactCheck", "ReportInput", "render_model_card", "render_report", "render_summary"]
