"""What a tracker of experiments is told of a finished run, and what a tracker must offer."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from meta_models.analysis.comparison.table import ALL_ROWS, BEST_BASE, EvaluationTable
from meta_models.experiments.evidence import belongs
from meta_models.finished_run import FinishedRun
from meta_models.pipeline.reporting import EXTERNAL, WHOLE_GENES
from meta_models.run_folder import MANIFEST_NAME
from meta_models.run_folder.writers import digest

#: Evaluations of a run by the name that their figures have in a tracker.
_EVALUATIONS = {
    "oof": "meta_evaluation_summary.json",
    "whole_genes": f"{WHOLE_GENES}.json",
    "external": f"{EXTERNAL}.json",
}
_FIGURES = ("meta", "meta_lower", "meta_upper", "base", "difference", "lower", "upper")


@dataclass(frozen=True)
class TrackedRun:
    """What a tracker is told of a run; made by :func:`tracked`.

    Attributes
    ----------
    key : str
        The same for the same run, wherever its folder lies: a tracker that knows it adds nothing.
    content : str
        Changes when the run is analysed again.
    started, ended : str
        ISO 8601.
    params, tags : mapping of str to str
    metrics : mapping of str to float
        ``<evaluation>/<population>/<metric>/<target>/<figure>``, seconds of phases and peak memory.
    dataset, dataset_digest : str
        Name of the table, and a digest of the hashes of its files.
    artifacts : tuple of str
        Files in the folder `path`, by their path there.
    """

    name: str
    key: str
    content: str
    started: str
    ended: str
    params: Mapping[str, str]
    metrics: Mapping[str, float]
    tags: Mapping[str, str]
    dataset: str
    dataset_digest: str
    path: Path
    artifacts: tuple[str, ...]


class Exporter(Protocol):
    """Writes runs into one tracker."""

    def export(self, run: TrackedRun) -> str:
        """Record `run`; where it stands now, in words.

        Raises
        ------
        WriteError
            If the tracker cannot be written to. The run stays as it is in any case.
        """


def tracked(run: FinishedRun) -> TrackedRun:
    """What a tracker is told of `run`; every file that goes there is compared with its hash first."""
    manifest = run.manifest
    artifacts = tuple(sorted(name for name in manifest.artifacts if belongs(name) or name == run.stored.model_file))
    for name in artifacts:
        run.read(name)
    hashes = [record.sha256 for record in manifest.inputs]
    model = manifest.artifacts[run.stored.model_file].sha256
    return TrackedRun(
        name=run.name,
        key=digest([manifest.started, manifest.host, manifest.pid, model])[:32],
        content=manifest.checksum,
        started=manifest.started,
        ended=manifest.ended or manifest.started,
        params=dict(_flat(run.config)),
        metrics=dict(_metrics(run)),
        tags=_tags(run),
        dataset=str(run.config.get("dataset", "")),
        dataset_digest=digest(hashes)[:32],
        path=run.path,
        artifacts=(MANIFEST_NAME, *artifacts),
    )


def _flat(values: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, str]]:
    """Options by dotted name as text; those without a value are left out."""
    for name, value in values.items():
        if isinstance(value, Mapping):
            yield from _flat(value, f"{prefix}{name}.")
        elif value is not None:
            yield f"{prefix}{name}", value if isinstance(value, str) else json.dumps(value)


def _metrics(run: FinishedRun) -> Iterator[tuple[str, float]]:
    """Figures against the best base model on all rows, with intervals; what the run took."""
    for name, file in _EVALUATIONS.items():
        if run.has(file):
            yield from _figures(name, EvaluationTable.from_json(json.loads(run.read(file))))
    for phase, seconds in run.manifest.phases.items():
        yield f"seconds/{phase}", seconds
    if run.manifest.memory.measured is not None:
        yield "peak_bytes", float(run.manifest.memory.measured)


def _figures(name: str, evaluation: EvaluationTable) -> Iterator[tuple[str, float]]:
    for row in evaluation.select(stratum=ALL_ROWS, base_model=BEST_BASE):
        for figure in _FIGURES:
            value = getattr(row, figure)
            if value is not None and math.isfinite(value):
                shown = f"difference_{figure}" if figure in ("lower", "upper") else figure
                yield f"{name}/{row.population}/{row.metric}/{row.target}/{shown}", float(value)


def _tags(run: FinishedRun) -> dict[str, str]:
    manifest = run.manifest
    found = {
        "strategy": run.stored.strategy,
        "data_sha256": digest([record.sha256 for record in manifest.inputs]),
        "model_sha256": manifest.artifacts[run.stored.model_file].sha256 or "",
        "host": manifest.host,
        "command": " ".join(manifest.argv),
        **dict(tag.split("=", 1) for tag in run.config.get("tags", ())),
        **{f"version.{name}": version for name, version in manifest.versions.items()},
    }
    record = manifest.environment
    if record is not None:
        commits = {"working_commit": record.working_commit, "package_commit": record.package_commit}
        found |= {name: commit for name, commit in commits.items() if commit is not None}
    return found
