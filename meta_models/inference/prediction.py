"""From a model and a table to a file of predictions, in the order in which it is done."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import polars as pl

from meta_models.build.evidence.opening import evidence_files
from meta_models.build.scores import parse_score_spec
from meta_models.cluster import dask_farm, require_cluster
from meta_models.dataset.demo import write_demo_table
from meta_models.dataset.opening import is_built_in
from meta_models.dataset.outputs import Output, require_apart
from meta_models.dataset.reading.read_ahead import shares
from meta_models.dataset.reading.reader import Dataset
from meta_models.errors import ExitCode, InputError, UsageError
from meta_models.inference.checks.drift import DriftReport, check_drift
from meta_models.inference.checks.seen import SEEN
from meta_models.inference.chunk_scorer import APPLIED, CORRECTED, ChunkScorer
from meta_models.inference.config import PredictConfig
from meta_models.inference.ensemble_model_loader import load_model_with_ensemble_support, resolve
from meta_models.inference.genome.rows import open_built_rows, open_genome_rows
from meta_models.inference.genome.track_positions import TrackPositions
from meta_models.inference.genome.tracks import (
    chosen_formats,
    read_chrom_sizes,
    require_tracks,
    track_files,
    write_tracks,
)
from meta_models.inference.outputs import write_rows
from meta_models.inference.parts import Parts
from meta_models.inference.prediction_report import is_finished, report_path, write_report
from meta_models.inference.prior import PriorCorrection, choose_prior
from meta_models.inference.selective import selective_figures
from meta_models.inference.served import HIDDEN_LABEL, HIDDEN_WEIGHT, ServedTable, open_served
from meta_models.inference.shards import ShardWork, score_apart
from meta_models.local_paths import exists, is_folder
from meta_models.model import FittedModel
from meta_models.places import table_path
from meta_models.progress import Progress
from meta_models.resources import cpu_limit, memory_budget
from meta_models.result import CALIBRATED
from meta_models.run_folder import (
    atomic_path,
    hash_file,
    install_signal_handlers,
    library_versions,
    require_space,
    scratch_folder,
)
from meta_models.run_folder.parts_folder import parts_folder
from meta_models.run_folder.writers import digest
from meta_models.schema import WEIGHT
from meta_models.wording import counted

logger = logging.getLogger(__name__)
#: Bytes of the probabilities of a row, which stand in the parts and in the output: no compression makes them smaller.
DISK_ROW_BYTES = 2 * 12


#: Options that change no score, but what else is written or refused.
_BESIDE_THE_SCORES = {
    "tracks", "track_formats", "chrom_sizes", "strict", "drift_rows", "psi_alarm", "missing_alarm"
}  # fmt: skip


@dataclass(frozen=True)
class _Work:
    """What is to be scored with what; made by `_prepare`.

    Attributes
    ----------
    key : dict
        Everything that the scores depend on, for JSON.
    no_prior : str or None
        Why there is no prior correction.
    workers : int
        Chunks that are scored side by side.
    sizes : dict of str to int, or None
        Sizes of the chromosomes, where they are given.
    """

    config: PredictConfig
    scorer: ChunkScorer
    key: dict[str, object]
    no_prior: str | None
    workers: int
    sizes: dict[str, int] | None

    @property
    def finished_key(self) -> str:
        """Of all that is written and of what it is refused for: the scores, tracks, and limits of the features."""
        asked = self.config.model_dump(mode="json", include=_BESIDE_THE_SCORES)
        return digest({**self.key, **asked})

    @property
    def table(self) -> ServedTable:
        """The table."""
        return self.scorer.table

    @property
    def model(self) -> FittedModel:
        """The model."""
        return self.scorer.model


def run_prediction(config: PredictConfig) -> ExitCode:
    """Do what ``meta-models predict`` is asked to.

    Raises
    ------
    MetaModelsError
        As its subclasses say. Nothing stands at ``--out`` that is not whole; finished parts are kept for ``--resume``.
    """
    if config.tracks is not None:
        config = config.model_copy(update={"track_formats": chosen_formats(config.track_formats)})
    require_cluster(config.distributed)
    _require_apart(config)
    with install_signal_handlers():
        _require_free(config)
        with parts_folder(config.out, keep=config.resume) as folder, ExitStack() as stack:
            work = _prepare(config, folder, stack)
            if config.resume and is_finished(config.out, work.finished_key, _tracks(config)):
                logger.info("%s is there already, of the same model, table and options", config.out)
                return ExitCode.DONE
            if exists(config.out) and not config.overwrite:
                found = "Found it, of other options, or without its tracks"
                raise UsageError(f"{config.out} must not exist", found, "Give --overwrite")
            require_space(config.out, DISK_ROW_BYTES * work.table.n_rows)
            drift = _check_drift(work)
            parts = Parts.within(folder, work.key, work.table.n_rows, config.part_rows)
            reused = _compute(work, parts, folder)
            if config.resume:
                logger.info("%d of %d parts were there already", reused, len(parts))
            _write(work, parts, drift, folder)
    return ExitCode.DONE


def _compute(work: _Work, parts: Parts, folder: Path) -> int:
    """Score the parts that are not there yet, here or on a cluster; how many were there."""
    config = work.config
    if config.distributed is None:
        return parts.compute(work.scorer, Progress("Predicting"), work.workers)
    table = work.table.dataset
    if not isinstance(table, Dataset):
        raise UsageError("--distributed scores tables of rows", f"{table.source} is none", "Leave it out")
    exchange = folder / "exchange"
    exchange.mkdir(exist_ok=True)
    model = resolve(config.model)
    with dask_farm(config.distributed, exchange=exchange, threads=config.threads, budget=memory_budget().bytes) as farm:
        farm.require_shared([model, *(file.path for file in table.files)])
        shards = ShardWork.all_of(work.scorer, model, str(work.key["model"]), parts)
        return score_apart(shards, farm, Progress("Predicting"))


def _require_apart(config: PredictConfig) -> None:
    """Before anything is written: none of it is read, nor belongs to a run."""
    outputs = [Output("--out", config.out), Output("--out", report_path(config.out))]
    outputs += [Output("--tracks", track) for track in _tracks(config)]
    others = {"--model": resolve(config.model), "--chrom-sizes": config.chrom_sizes, "--genome": config.genome}
    others |= {"--annotation": config.annotation, "--regions": config.regions, "--chrom-map": config.chrom_map}
    others |= {f"--scores {spec}": parse_score_spec(spec).path for spec in config.scores}
    others |= {f"--evidence {file}": file for spec in config.evidence for file in evidence_files(spec)}
    require_apart(outputs, {} if config.dataset is None else {"--dataset": table_path(config.dataset)}, others)


def _require_free(config: PredictConfig) -> None:
    if is_folder(config.out):
        raise UsageError("--out must be a file", f"Found a folder at {config.out}")
    if config.overwrite or config.resume:
        return
    if exists(config.out):
        raise UsageError(f"{config.out} must not exist", "Found it", "Give --overwrite, or another --out")
    if found := [str(track) for track in _tracks(config) if exists(track)]:
        action = "Give --overwrite, --resume after an interruption, or another folder for --tracks"
        raise UsageError("The tracks must not exist", f"Found {', '.join(found)}", action)


def _tracks(config: PredictConfig) -> tuple[Path, ...]:
    """The tracks that are asked for, of formats that were chosen before."""
    return () if config.tracks is None else track_files(config.tracks, config.track_formats or ())


def _open(config: PredictConfig, model: FittedModel, folder: Path, stack: ExitStack) -> ServedTable:
    """The table, or the positions of the genome, that is scored."""
    if config.dataset is None:
        scratch = stack.enter_context(scratch_folder(folder, "genome"))
        return open_genome_rows(config, model, stack, scratch)
    if model.gene_columns and not model.window:
        return open_built_rows(table_path(config.dataset), model)
    built_in = is_built_in(config.dataset) and not exists(config.dataset)
    source = write_demo_table(folder / "demo") if built_in else table_path(config.dataset)
    columns = config.base_score_columns
    return open_served(source, model, work_dir=folder / "input", base_score_columns=columns)


def _prepare(config: PredictConfig, folder: Path, stack: ExitStack) -> _Work:
    model_file = resolve(config.model)
    model = load_model_with_ensemble_support(model_file, verbose=config.verbose)
    workers, for_each = shares(cpu_limit(config.threads).count)
    model.set_threads(for_each)
    table = _open(config, model, folder, stack)
    sizes = None
    if config.tracks is not None:
        require_tracks(config.track_formats or (), table.passed_on)
        sizes = None if config.chrom_sizes is None else read_chrom_sizes(config.chrom_sizes)
    prior = choose_prior(model.info, config.prevalence, table.dataset.info.true_prevalence)
    correction = prior if isinstance(prior, PriorCorrection) else None
    selective = config.only_uncertain is not None
    scorer = ChunkScorer(model, table, correction, config.only_uncertain, labels=selective and table.labelled)
    key: dict[str, object] = {
        "model": hash_file(model_file),
        "inputs": list(table.inputs),
        "prior": None if correction is None else asdict(correction),
        "only_uncertain": config.only_uncertain,
        "base_score_columns": config.base_score_columns,
        "versions": library_versions(),
    }
    logger.info("%s of %s, %d features", counted(table.n_rows, "row"), table.dataset.source, len(model.feature_names))
    logger.info("%s", _prior_line(prior, model))
    return _Work(config, scorer, key, prior if isinstance(prior, str) else None, workers, sizes)


def _prior_line(prior: PriorCorrection | str, model: FittedModel) -> str:
    at = model.info.prevalence
    calibrated = "unknown class shares" if at is None else _shown_shares(at)
    line = f"calibrated_* are right for {calibrated} (weights of training: {model.info.weighting})"
    if isinstance(prior, str):
        return f"{line}; no corrected_*: {prior}"
    return f"{line}; corrected_* for {_shown_shares(prior.target)} ({prior.origin})"


def _shown_shares(shares: tuple[float, float, float]) -> str:
    return f"neither {shares[0]:.6g}, donor {shares[1]:.4g}, acceptor {shares[2]:.4g}"


def _check_drift(work: _Work) -> DriftReport:
    """Compare the table with training before anything is predicted; with ``--strict`` refuse it."""
    config = work.config
    drift = check_drift(
        work.model, work.table, rows=config.drift_rows, psi_alarm=config.psi_alarm, missing_alarm=config.missing_alarm
    )
    if drift.reason is not None:
        if config.strict:
            raise InputError("--strict needs a model that knows its features", drift.reason, "Train it again")
        logger.warning("The features were not compared with training: %s", drift.reason)
        return drift
    for text in drift.doubtful:
        logger.warning("%s", text)
    if not drift.far:
        logger.info("%d features are as in training (%d rows compared)", len(drift.features), drift.rows)
        return drift
    _tell_far(drift, config)
    if config.strict:
        write_report(config.out, {"refused": "--strict", "drift": drift.to_dict()})
        raise InputError(
            f"With --strict the features of {work.table.dataset.source!r} must be as in training",
            f"{len(drift.far)} of {len(drift.features)} are far: {_far_ones(drift)}",
            f"See {report_path(config.out)}, correct the features or leave --strict out",
        )
    return drift


def _tell_far(drift: DriftReport, config: PredictConfig) -> None:
    """The features that are far; in one line where the table has too few genes to say so, unless that is asked."""
    if drift.few and not drift.exchanged and not config.strict:
        logger.info(
            "Not judged whether features are as in training: %s of %s are too few (what differs: %s)",
            counted(drift.rows, "row"), counted(drift.groups, "gene, region or block", "genes, regions or blocks"),
            report_path(config.out),
        )  # fmt: skip
        return
    logger.warning(
        "%d of %d features are far from training (%d rows compared):\n  %s",
        len(drift.far), len(drift.features), drift.rows, "\n  ".join(drift.lines()),
    )  # fmt: skip


def _far_ones(drift: DriftReport) -> str:
    return "; ".join(drift.lines()) if drift.exchanged else ", ".join(f.feature for f in drift.far[:20])


def _write(work: _Work, parts: Parts, drift: DriftReport, folder: Path) -> None:
    """Tracks and report first: where the output stands, everything does."""
    config = work.config
    tracks = _write_tracks(work, parts, folder) if config.tracks is not None else ()
    selective = _selective(work, parts)
    rows = seen = unsure = 0

    def visible() -> Iterator[pl.DataFrame]:
        """Frames as they are written; what they hold of genes that were trained on is counted."""
        nonlocal rows, seen, unsure
        for frame in parts.frames():
            rows, seen = rows + frame.height, seen + int(frame[SEEN].sum() or 0)
            unsure += frame[SEEN].null_count()
            yield frame.drop(c for c in (HIDDEN_LABEL, HIDDEN_WEIGHT) if c in frame.columns)

    with atomic_path(config.out) as temporary:
        write_rows(temporary, visible())
        named = "gene_id" in work.table.passed_on
        write_report(
            config.out,
            {
                "key": work.finished_key,
                "output_sha256": hash_file(temporary),
                "rows": rows,
                "rows_seen_in_training": seen if named else None,
                "rows_perhaps_seen_in_training": unsure if named else None,
                "model": _model_facts(work.model, str(work.key["model"])),
                "prior_correction": work.key["prior"] if work.no_prior is None else {"reason": work.no_prior},
                "selective": selective,
                "absent_kmers": list(work.table.absent),
                "tracks": [path.name for path in tracks],
                "drift": drift.to_dict(),
            },
        )
    told = f"; the model was trained on the gene or the position of {seen:,} of them" if named else ""
    if named and unsure:
        told += f", and if the genome is the same, which is not known, on that of {unsure:,} more"
    logger.info("Saved %s (%s%s)", config.out, counted(rows, "row"), told)


def _model_facts(model: FittedModel, sha256: str) -> dict[str, Any]:
    info = model.info
    return {
        "sha256": sha256,
        "strategy": info.strategy,
        "members": model.n_members,
        "features": len(model.feature_names),
        "genes": len(info.genes),
        "weighting": info.weighting,
        "calibrated_at": info.prevalence,
        "calibrators": None if model.calibrators is None else [c.kind for c in model.calibrators],
    }


def _write_tracks(work: _Work, parts: Parts, folder: Path) -> tuple[Path, ...]:
    config = work.config
    buckets = folder / "tracks"
    buckets.mkdir(exist_ok=True)
    for old in buckets.iterdir():
        old.unlink()
    positions = TrackPositions(buckets)
    for frame in parts.frames():
        positions.add(frame)
    known = work.table.dataset.info.contigs
    written = write_tracks(Path(str(config.tracks)), positions, config.track_formats or (), work.sizes, known)
    kind = CALIBRATED if work.scorer.prior is None else CORRECTED
    logger.info("Tracks of %s_*: %s", kind, ", ".join(map(str, written)))
    return written


def _selective(work: _Work, parts: Parts) -> dict[str, Any] | None:
    bounds = work.config.only_uncertain
    if bounds is None:
        return None
    weighted = work.scorer.labels and work.table.has(WEIGHT)
    figures = selective_figures(parts.frames(), bounds, weighted=weighted)
    logger.info(
        "The model was applied to %d of %d rows (%.3g %%), where a base site score lies in %g to %g (%s)",
        figures["rows_touched"], figures["rows"], 100 * figures["share_touched"], *bounds, APPLIED,
    )  # fmt: skip
    for name in ("all rows", "genes not trained on") if figures["average_precision"] else ():
        found = figures["average_precision"][name]
        for site in ("donor", "acceptor"):
            base, result = (_shown_metric(found[site][which]) for which in ("base", "selective"))
            logger.info("Average precision, %s (%d), %s: %s -> %s", name, found["rows"], site, base, result)
    return figures


def _shown_metric(metric: dict[str, Any]) -> str:
    return f"null ({metric['reason']})" if metric["value"] is None else f"{metric['value']:.4f}"
