"""Signals at seeded random moments of each phase, then ``--resume``: the result must be that of an undisturbed run.

As a script, ``python tests/faults/kills.py FOLDER --kills 20 [--signal TERM]`` (``FOLDER`` is made and kept) sends so
many, half to a single model and half to an ensemble, each phase in turn, and prints a line for each. A run that is not
killed but interrupted must end within two seconds, say so in its manifest and leave no temporary.
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

#: In which a run that is interrupted must have ended, on a machine that does nothing else.
SECONDS = 2.0


@dataclass(frozen=True)
class Kill:
    """One signal and what came of it.

    Attributes
    ----------
    code : int or None
        Of the process; None where it was finished before the signal.
    seconds : float
        From the signal to the end of the process.
    limit : float
        Seconds that were allowed for that.
    state : str
        That its manifest told then.
    left : tuple of str
        Temporaries that lay there then.
    resumed : int
        Exit code of the run that went on.
    differing : tuple of str
        Files that are not those of the undisturbed run.
    last : str
        Line that the process ended with.
    """

    strategy: str
    phase: str
    delay: float
    code: int | None
    seconds: float
    limit: float
    state: str
    left: tuple[str, ...]
    resumed: int
    reused: int
    differing: tuple[str, ...]
    last: str

    @property
    def good(self) -> bool:
        """Whether nothing was lost."""
        whole = self.resumed == 0 and not self.differing
        return whole and (self.code in (None, -signal.SIGKILL) or self.in_order)

    @property
    def in_order(self) -> bool:
        """Whether a run that was interrupted ended as it should."""
        told = self.last == "interrupted (goes on from here with --resume)" and self.state == "interrupted"
        return self.code in (130, 143) and self.seconds < self.limit and told and not self.left


class Target:
    """A strategy's command on a small table, and its undisturbed run."""

    def __init__(self, name: str, options: tuple[str, ...], folder: Path) -> None:
        self.name, self._folder = name, folder
        table, full = folder / "table", folder / "full"
        if not table.exists():
            write_demo_table(table, n_genes=30)
            write_demo_table(full, n_genes=3, gene_offset=240, every_position=True)
        self._arguments = ["--dataset", table, "--eval-dataset", full, *options]
        self.undisturbed = folder / f"{name}-undisturbed"
        ended = run([*self._arguments, "--out-dir", self.undisturbed])
        assert ended.code == 0, ended.output
        self.expected = hashes(self.undisturbed)
        seconds = manifest(self.undisturbed)["phases"]
        assert isinstance(seconds, dict)
        self.seconds: dict[str, float] = seconds
        self.limit = SECONDS * ended.slowness

    def kill(self, phase: str, share: float, name: str, number: int) -> Kill:
        """Send signal `number` to a run after that share of `phase`, resume it in folder `name` and compare."""
        out_dir, delay = self._folder / f"{self.name}-{name}", share * self.seconds[phase]
        arguments = [*self._arguments, "--out-dir", out_dir]
        ended = disturb(arguments, out_dir, phase, delay, number)
        state, left = str(manifest(out_dir).get("state")), tuple(temporaries(out_dir))
        again = run([*arguments, "--resume"])
        found = hashes(out_dir)
        differing = {file for file in found.keys() | self.expected.keys() if found.get(file) != self.expected.get(file)}
        units = manifest(out_dir).get("units", {})
        assert isinstance(units, dict)
        reused = sum(bool(record["reused"]) for record in units.values())
        code, seconds = (None, 0.0) if ended is None else (ended.code, ended.seconds)
        last = "" if ended is None else "".join(ended.output.splitlines()[-1:])
        return Kill(
            self.name, phase, delay, code, seconds, self.limit, state, left, again.code, reused,
            tuple(sorted(differing)), last,
        )  # fmt: skip


def kills(folder: Path, count: int, seed: int, number: int) -> Iterator[Kill]:
    """Send `count` signals in `folder`, strategies and phases in turn."""
    drawn = random.Random(seed)
    targets = [Target("single", SINGLE, folder), Target("ensemble", ENSEMBLE, folder)]
    for turn in range(count):
        target, phase = targets[turn % 2], PHASES[turn // 2 % len(PHASES)]
        yield target.kill(phase, drawn.random(), f"{turn:02d}", number)


def main() -> int:
    """Print a line for each kill; 0 if nothing was lost."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--kills", type=int, default=20)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--signal", choices=["KILL", "TERM", "INT"], default="KILL")
    arguments = parser.parse_args()
    arguments.folder.mkdir(parents=True)
    lost = 0
    for kill in kills(arguments.folder, arguments.kills, arguments.seed, signal.Signals[f"SIG{arguments.signal}"]):
        lost += not kill.good
        sys.stdout.write(f"{'same' if kill.good else 'LOST'} {kill}\n")
        sys.stdout.flush()
    sys.stdout.write(f"{arguments.kills} kills, {lost} with another result\n")
    return int(lost > 0)


if __name__ == "__main__":
    sys.exit(main())
