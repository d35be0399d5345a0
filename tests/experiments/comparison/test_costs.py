"""What runs took, and on what."""

from __future__ import annotations

from pathlib import Path

from finished_runs import make_oof, write_run

from meta_models.experiments.comparison.costs import run_cost
from meta_models.finished_run import read_run
from meta_models.run_folder import RunFolder
from meta_models.run_folder.environment import describe_environment


def test_the_device_and_the_threads_are_those_that_were_used(tmp_path: Path) -> None:
    path = write_run(tmp_path / "run", make_oof(10))
    assert run_cost(read_run(path)).device == "auto"  # nothing else is on record
    with RunFolder.open(path, extend=True) as folder:
        folder.update(environment=describe_environment(threads=3, device="cpu"))
    found = run_cost(read_run(path))
    assert (found.device, found.threads) == ("cpu", 3)
