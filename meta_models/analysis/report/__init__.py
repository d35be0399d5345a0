"""What people read at the end: ``training_summary.txt`` and ``report.html``, both from one :class:`ReportInput`."""

from meta_models.analysis.report.html import render_report
from meta_models.analysis.report.input import ArtifactCheck, ReportInput
from meta_models.analysis.report.summary import render_summary

__all__ = ["ArtifactCheck", "ReportInput", "render_report", "render_summary"]
