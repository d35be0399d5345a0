"""SIGKILL at seeded random moments of each phase, then ``--resume``: the result must be that of an undisturbed run.

As a script, ``python tests/faults/kills.py FOLDER --kills 20`` (``FOLDER`` is made and kept) does so many of them, half
on a single model and half on an ensemble, each phase in turn, and prints a line for each.
"""

from __future__ import annotations

import argparse
import random
import signal
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from runs import ENSEMBLE, PHASES, SINGLE, disturb, hashes, manifest, run, temporaries

from meta_models.dataset.demo import write_demo_table


@dataclass(frozen=True)
class Kill:
    """One kill and what came of it.

    Attributes
    ----------
    differing : tuple of str
        Files that are not those of the undisturbed run.
    """

    strategy: str
    phase: str
    delay: float
    hit: bool
    resumed: int
    reused: int
    differing: tuple[str, ...]
    left: tuple[str, ...]

    @property
    def good(self) -> bool:
        """Whether nothing was lost."""
        return self.resumed == 0 and not self.differing and not self.left


class Target:
    """A strategy's command on a small table, and its undisturbed run."""

    def __init__(self, name: str, options: tuple[str, ...], folder: Path) -> None:
        self.name, self._folder = name, folder
        table, full = folder / "table", folder / "full"
        if not table.exists():
            write_demo_table(table, n_genes=60)
            write_demo_table(full, n_genes=6, gene_offset=240, every_position=True)
        self._arguments = ["--dataset", table, "--eval-dataset", full, *options]
        self.undisturbed = folder / f"{name}-undisturbed"
        ended = run([*self._arguments, "--out-dir", self.undisturbed])
        assert ended.code == 0, ended.output
        self.expected = hashes(self.undisturbed)
        seconds = manifest(self.undisturbed)["phases"]
        assert isinstance(seconds, dict)
        self.seconds: dict[str, float] = seconds

    def kill(self, phase: str, share: float, number: int) -> Kill:
        """Kill a run after that share of `phase`, resume it and compare."""
        out_dir, delay = self._folder / f"{self.name}-{number:02d}", share * self.seconds[phase]
        arguments = [*self._arguments, "--out-dir", out_dir]
        killed = disturb(arguments, out_dir, phase, delay, signal.SIGKILL)
        again = run([*arguments, "--resume"])
        found = hashes(out_dir)
        differing = {name for name in found.keys() | self.expected.keys() if found.get(name) != self.expected.get(name)}
        units = manifest(out_dir).get("units", {})
        assert isinstance(units, dict)
        return Kill(
            self.name, phase, delay, killed is not None and killed.code == -signal.SIGKILL, again.code,
            sum(bool(record["reused"]) for record in units.values()), tuple(sorted(differing)),
            tuple(temporaries(out_dir)),
        )  # fmt: skip


def kills(folder: Path, count: int, seed: int) -> Iterator[Kill]:
    """Do `count` kills in `folder`, strategies and phases in turn."""
    drawn = random.Random(seed)
    targets = [Target("single", SINGLE, folder), Target("ensemble", ENSEMBLE, folder)]
    for number in range(count):
        target, phase = targets[number % 2], PHASES[number // 2 % len(PHASES)]
        yield target.kill(phase, drawn.random(), number)


def main() -> int:
    """Print a line for each kill; 0 if nothing was lost."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--kills", type=int, default=20)
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    arguments.folder.mkdir(parents=True)
    lost = 0
    for kill in kills(arguments.folder, arguments.kills, arguments.seed):
        lost += not kill.good
        sys.stdout.write(f"{'same' if kill.good else 'LOST'} {kill}\n")
        sys.stdout.flush()
    sys.stdout.write(f"{arguments.kills} kills, {lost} with another result\n")
    return int(lost > 0)


if __name__ == "__main__":
    sys.exit(main())
