"""``build --distributed``: blocks, built by the workers of a cluster."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from build_places import Place, digests, make_place

from meta_models.build import apart
from meta_models.build.block_units import Blocks
from meta_models.build.config import BuildConfig
from meta_models.build.plan import make_plan
from meta_models.cli import main
from meta_models.errors import ExitCode, InputError

pytest.importorskip("distributed", reason="needs the extra [distributed]")
BLOCKS = 30_000


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Place:
    return make_place(tmp_path_factory.mktemp("genome") / "made")


def test_a_cluster_builds_the_same_bytes(scheduler_file: Path, place: Place, tmp_path: Path) -> None:
    place.build(tmp_path / "here", block_positions=BLOCKS)
    place.build(tmp_path / "there", block_positions=BLOCKS, distributed=f"file:{scheduler_file}")
    assert digests(tmp_path / "there") == digests(tmp_path / "here")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["here", "there"]


def test_what_a_killed_build_left_is_not_built_again(
    scheduler_file: Path,
    place: Place,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    options = {"block_positions": BLOCKS, "distributed": f"file:{scheduler_file}"}
    asked: list[tuple[int, ...]] = []
    in_runs = apart._pieces

    def first_half(blocks: list[object], count: int) -> object:
        """Pieces of work, of which the run that is killed gives away the first."""
        for numbers in in_runs(blocks, count):
            if asked:
                raise KeyboardInterrupt
            asked.append(numbers)
            yield numbers

    monkeypatch.setattr(apart, "_pieces", first_half)
    monkeypatch.setattr(apart, "run_pieces", _in_turn)
    with pytest.raises(KeyboardInterrupt):
        place.build(tmp_path / "out", **options)
    monkeypatch.undo()
    with caplog.at_level("INFO", "meta_models"):
        place.build(tmp_path / "out", **options, resume=True)
    assert f"{len(asked[0])} of " in caplog.text
    assert digests(tmp_path / "out") == digests(place.build(tmp_path / "whole", block_positions=BLOCKS))


def _in_turn(pieces: object, work: object, farm: object, *, threads: int) -> object:
    """`run_pieces`, which waits for each piece before it takes the next."""
    from meta_models.workers import run_pieces

    for piece in pieces:  # type: ignore[attr-defined]
        yield from run_pieces([piece], work, farm, threads=threads)  # type: ignore[arg-type, type-var]


def test_a_process_that_reads_other_scores_is_refused(place: Place, tmp_path: Path) -> None:
    config = BuildConfig.from_mapping(place.options(out=tmp_path / "out"))
    with make_plan(config, tmp_path) as plan:
        blocks = Blocks(plan, {}, tmp_path)
        work = apart.BlockWork(config, plan.first_look, plan.recipe.to_json(), blocks.inputs, tmp_path, numbers=(1,))
    other = BuildConfig.from_mapping(place.options(out=tmp_path / "out", scores=(f"main={place.scores()}",)))
    with pytest.raises(InputError, match=r"Inputs must be the same on all machines\. Found other scores"):
        apart.build_blocks(apart.replace(work, config=other))
    assert apart.build_blocks(work) == apart.build_blocks(work) > 0


def test_the_plan_shows_the_workers(scheduler_file: Path, place: Place, capsys: pytest.CaptureFixture[str]) -> None:
    options = ["--genome", place.genome, "--annotation", place.annotation, "--scores", f"main={place.scores()}"]
    there = ["--gene-types", "all", "--dry-run", "--distributed", f"file:{scheduler_file}"]
    assert main(["build", *map(str, options), *there]) == ExitCode.DONE
    assert len(json.loads(capsys.readouterr().out)["workers"]) == 2


def test_all_files_are_looked_for_where_workers_run(place: Place, tmp_path: Path) -> None:
    tracks = tmp_path / "tracks"
    tracks.mkdir()
    for name in ("x_donor_plus.bw", "x_acceptor_plus.bw", "x_donor_minus.bw", "x_acceptor_minus.bw", "other.txt"):
        (tracks / name).write_text("")
    config = BuildConfig.from_mapping(place.options(out=tmp_path / "out", scores=(f"main=bigwig:{tracks / 'x'}",)))
    found = [file.name for file in apart.input_files(config)]
    assert found[:2] == ["genome.fa", "annotation.gtf"]
    assert sorted(found[2:]) == ["x_acceptor_minus.bw", "x_acceptor_plus.bw", "x_donor_minus.bw", "x_donor_plus.bw"]
