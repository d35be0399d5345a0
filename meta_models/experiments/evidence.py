"""``meta-models gates`` and ``meta-models evidence``: whether a run is good enough, and what shows it."""

from __future__ import annotations

import hashlib
import io
import logging
import zipfile
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path, PurePosixPath

from meta_models.dataset.outputs import Output, require_apart, require_free
from meta_models.errors import ExitCode, TargetMissed, UsageError
from meta_models.experiments.gates import GateResult, failed, gate_table, pass_gates, read_gates
from meta_models.experiments.options import EvidenceConfig, GatesConfig
from meta_models.finished_run import FinishedRun, read_run
from meta_models.pipeline.reporting import CARD, PAGE, SUMMARY
from meta_models.run_folder import LOCK, atomic_write, json_bytes

logger = logging.getLogger(__name__)
CONFIGURATION, GATES, HASHES, PROVENANCE = "configuration.json", "gates", "SHA256SUMS", "provenance.json"
_NAMED = (PAGE, SUMMARY, CARD, LOCK)
_TABLES = (".tsv", ".csv")
#: Moment of every member, the earliest that the format knows: the same run gives the same bytes.
_MOMENT = (1980, 1, 1, 0, 0, 0)


def check_gates(given: Sequence[str], options: GatesConfig) -> ExitCode:
    """Look at the gates of the run in the folder ``given[0]``, which stays as it is.

    Raises
    ------
    UsageError
        If the folder holds no finished run, or ``--gates`` or ``--out`` is wrong.
    TargetMissed
        If a gate failed; ``--out`` was written.
    """
    gates = read_gates(options.gates)
    if options.out is not None and options.out.suffix not in (".tsv", ".json"):
        raise UsageError("--out must end in .tsv or .json", f"Found {options.out}", "Name such a file")
    if options.out is not None:
        require_apart([Output("--out", options.out)], {}, {"--gates": options.gates})
        require_free(options.out, "--out", overwrite=options.overwrite)
    results = pass_gates(read_run(Path(given[0])), gates)
    for result in results:
        logger.info("%s", result.line())
    if options.out is not None:
        atomic_write(options.out, _json(results) if options.out.suffix == ".json" else _tsv(results))
    _require(results)
    return ExitCode.DONE


def write_evidence(given: Sequence[str], options: EvidenceConfig) -> ExitCode:
    """Pack report, tables, configuration, model card, gates and hashes of the run in the folder ``given[0]``.

    Neither the model nor rows of the table are in it. Every file is compared with its hash first; the same run gives
    the same bytes.

    Raises
    ------
    UsageError
        If the folder holds no finished run, ``--gates`` is wrong, or ``--out`` is no ZIP file or one of a run.
    InputError
        If a file of the run is not as it was written.
    WriteError
        If the file cannot be written.
    TargetMissed
        If a gate failed; the package was written and says so.
    """
    require_apart([Output("--out", options.out)], {}, {"--gates": options.gates})
    require_apart([Output("--out", options.out)], {}, {"RUN": Path(given[0])})
    if options.out.suffix.lower() != ".zip":
        raise UsageError("--out must end in .zip", f"Found {options.out}", "Name such a file")
    require_free(options.out, "--out", overwrite=options.overwrite)
    run, gates = read_run(Path(given[0])), read_gates(options.gates)
    results = pass_gates(run, gates)
    atomic_write(options.out, evidence_bytes(run, results))
    for result in results:
        logger.info("%s", result.line())
    logger.info("Evidence: %s", options.out)
    _require(results)
    return ExitCode.DONE


def evidence_bytes(run: FinishedRun, results: Sequence[GateResult]) -> bytes:
    """The ZIP file: members sorted, not compressed (libraries compress to different bytes), all of one date."""
    files = {name: run.read(name) for name in run.manifest.artifacts if belongs(name)}
    files |= {
        CONFIGURATION: json_bytes(run.config),
        f"{GATES}.tsv": _tsv(results),
        f"{GATES}.json": _json(results),
        PROVENANCE: json_bytes(_provenance(run)),
    }
    sums = {name: hashlib.sha256(data).hexdigest() for name, data in files.items()}
    files[HASHES] = "".join(f"{sums[name]}  {name}\n" for name in sorted(sums)).encode()
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_STORED) as package:
        for name in sorted(files):
            member = zipfile.ZipInfo(name, _MOMENT)
            member.external_attr = 0o644 << 16
            package.writestr(member, files[name])
    return stream.getvalue()


def belongs(name: str) -> bool:
    """Whether an artifact of that name is for readers: a report, a card, a lock or a table of figures."""
    return name in _NAMED or PurePosixPath(name).suffix in _TABLES


def _provenance(run: FinishedRun) -> dict[str, object]:
    """What the run was made of and with, and the hashes of all that it wrote, the model included."""
    manifest = run.manifest
    wanted = {"started", "ended", "argv", "versions", "seeds", "inputs", "environment", "artifacts", "checksum"}
    found: dict[str, object] = manifest.model_dump(mode="json", include=wanted)
    return {**found, "model": run.stored.model_file}


def _tsv(results: Sequence[GateResult]) -> bytes:
    return gate_table(results).write_csv(separator="\t").encode()


def _json(results: Sequence[GateResult]) -> bytes:
    return json_bytes([asdict(result) for result in results])


def _require(results: Sequence[GateResult]) -> None:
    """End the command with 5 where a gate failed."""
    if missed := failed(results):
        said = "; ".join(result.said() for result in missed)
        raise TargetMissed("Every gate must be passed", f"Failed: {said}", "See the report of the run")
