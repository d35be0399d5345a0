"""Real runs of the command in processes of their own, to be disturbed; what they leave is compared byte for byte."""

from __future__ import annotations

import hashlib
import json
import os
import resource
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

#: Files that hold dates, durations, measured peaks, hosts or paths: the only ones that may differ.
VARYING = {"run_manifest.json", "training_summary.txt", "report.html", "timing.json"}
#: The phases of a run in their order, as the manifest names them, and what comes after the last.
PHASES = ("reading", "screening", "training", "analysis", "external evaluation")
#: A run of seconds that passes through all phases.
SINGLE: tuple[str, ...] = (
    "--n-estimators", "8", "--n-folds", "3", "--bootstrap-samples", "20",
    "--analyses", "base-vs-meta", "calibration", "features", "sites",
)  # fmt: skip
ENSEMBLE: tuple[str, ...] = (*SINGLE, "--train-all-genes", "--max-genes-per-batch", "12")


@dataclass(frozen=True)
class Ended:
    """How a run ended.

    Attributes
    ----------
    seconds : float
        From the signal (or from the start where there was none) to the end of the process.
    cpu : float
        Seconds of CPU time that it took, where nothing disturbed it.
    """

    code: int
    seconds: float
    output: str
    cpu: float = 0.0

    @property
    def slowness(self) -> float:
        """Wall seconds for each second of work: over 1 where other processes take the machine."""
        return max(1.0, self.seconds / self.cpu)


def start(arguments: Sequence[object], **options: object) -> subprocess.Popen[str]:
    """``meta-models train`` with these arguments, in a process group of its own."""
    command = [sys.executable, "-m", "meta_models.training.run_gene_cv_sigmoid", *map(str, arguments)]
    path = os.pathsep.join(p or str(Path.cwd()) for p in sys.path)
    environment = {**os.environ, "PYTHONPATH": path}
    return subprocess.Popen(
        command, env=environment, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, start_new_session=True,
        **options,  # type: ignore[call-overload]
    )  # fmt: skip


def run(arguments: Sequence[object]) -> Ended:
    """A run that nothing disturbs."""
    began, before = time.monotonic(), resource.getrusage(resource.RUSAGE_CHILDREN)
    process = start(arguments)
    output, _ = process.communicate()
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return Ended(process.returncode, time.monotonic() - began, output, cpu)


def disturb(arguments: Sequence[object], out_dir: Path, phase: str, delay: float, number: int) -> Ended | None:
    """Send signal `number` to a run `delay` seconds into `phase`; None where it was faster than that."""
    process = start(arguments)
    try:
        _await_phase(process, out_dir, phase)
        time.sleep(delay)
        running = process.poll() is None
        began = time.monotonic()
        process.send_signal(number)
        output, _ = process.communicate(timeout=120)
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
            process.communicate()
    return Ended(process.returncode, time.monotonic() - began, output) if running else None


def manifest(out_dir: Path) -> dict[str, object]:
    """``run_manifest.json``; empty where there is none."""
    try:
        content: dict[str, object] = json.loads((out_dir / "run_manifest.json").read_bytes())
    except FileNotFoundError:
        return {}
    return content


def hashes(folder: Path) -> dict[str, str]:
    """Hash of each file that must be the same in equal runs."""
    files = [p for p in folder.rglob("*") if p.is_file() and p.name not in VARYING]
    return {str(p.relative_to(folder)): hashlib.sha256(p.read_bytes()).hexdigest() for p in files}


def temporaries(folder: Path) -> list[str]:
    """What a run that cleaned up after itself would not have left."""
    return sorted(str(p.relative_to(folder)) for p in folder.rglob(".*"))


def _await_phase(process: subprocess.Popen[str], out_dir: Path, phase: str) -> None:
    """Until the phases before `phase` are finished; the first begins when the manifest appears."""
    before = set(PHASES[: PHASES.index(phase)])
    while process.poll() is None:
        found = manifest(out_dir)
        phases = found.get("phases", {})
        if found.get("state") == "running" and isinstance(phases, dict) and before <= phases.keys():
            return
        time.sleep(0.005)
