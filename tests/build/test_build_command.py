"""The whole way from files to a folder, on a simulated genome."""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from build_places import Place, digests, make_place, require_bigwig

from meta_models.build import block_units, command
from meta_models.build.demo.genome import MARGIN, SCORERS, simulate
from meta_models.cli import main
from meta_models.dataset.built import BuiltFolder
from meta_models.dataset.demo.genes import FLANK
from meta_models.dataset.reading.open import open_dataset
from meta_models.errors import UnitsFailed, UsageError
from meta_models.features import column_names, features
from meta_models.schema import CLASS_NAMES, FeatureGroup


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Place:
    return make_place(tmp_path_factory.mktemp("genome") / "made")


@pytest.fixture(scope="module")
def built(place: Place, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return place.build(tmp_path_factory.mktemp("built") / "out")


@pytest.fixture(scope="module")
def everything(place: Place, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return place.build(tmp_path_factory.mktemp("built") / "all", all_positions=True)


def test_genes_are_those_that_were_simulated(built: Path) -> None:
    """Labels, sequence and scores of every gene, both strands, against the generator itself."""
    made = {placed.gene.gene_id: placed.gene for placed in simulate(16, 3).genes}
    strands = set()
    for gene in BuiltFolder.open(built).genes.genes():
        expected = made.pop(gene.gene_id)
        inner, flank = slice(MARGIN, expected.length - MARGIN), gene.flank
        strands.add(gene.strand)
        np.testing.assert_array_equal(gene.labels, expected.labels[inner])
        own = expected.sequence[FLANK + MARGIN : FLANK + expected.length - MARGIN]
        np.testing.assert_array_equal(gene.sequence[flank:-flank], own)
        for key, scorer in SCORERS.items():
            scores = scorer(expected, 3)[:, 1:].astype(np.float32)
            np.testing.assert_array_equal(
                gene.scores[key][flank - MARGIN : len(gene.sequence) - flank + MARGIN], scores
            )
    assert not made
    assert strands == {"+", "-"}


def test_the_table_holds_every_site_and_weights_its_rows(built: Path) -> None:
    opened, frame = BuiltFolder.open(built), pl.read_parquet(built / "master" / "*.parquet")
    labels = {gene.gene_id: gene.labels for gene in opened.genes.genes(inputs=False)}
    for kind, name in enumerate(CLASS_NAMES[1:], 1):
        assert frame.filter(pl.col("splice_type") == name).height == sum((v == kind).sum() for v in labels.values())
    info = json.loads((built / "dataset_info.json").read_text())
    positions = sum(map(len, labels.values()))
    assert frame["sampling_weight"].sum() == pytest.approx(positions, rel=0.2)
    assert sum(info["true_prevalence"].values()) == pytest.approx(1)
    assert info["class_counts_all_positions"]["donor"] == frame.filter(pl.col("splice_type") == "donor").height
    assert (frame["transcript_id"] == "").all()
    assert list(frame.columns[11:]) == list(column_names(opened.recipe))


def test_rows_are_sorted_by_contig_gene_and_position_in_small_row_groups(built: Path) -> None:
    frame = pl.read_parquet(built / "master" / "*.parquet")
    order = pl.read_csv(built / "genes.tsv", separator="\t")
    assert frame["gene_id"].unique(maintain_order=True).to_list() == order["gene_id"].to_list()
    assert order.group_by("chrom", maintain_order=True).agg(pl.col("start").is_sorted())["start"].all()
    assert frame.group_by("gene_id").agg(pl.col("position").is_sorted())["position"].all()
    assert order["rows"].sum() == frame.height
    dataset = open_dataset(built, work_dir=built)
    assert max(n for file in dataset.files for n in file.row_groups) <= 4096


def test_genomic_positions_stand_for_the_base_of_the_sequence(built: Path, place: Place) -> None:
    contigs = {
        part.split("\n", 1)[0]: part.split("\n", 1)[1].replace("\n", "")
        for part in place.genome.read_text().split(">")[1:]
    }
    frame = pl.read_parquet(built / "master" / "*.parquet").sample(300, seed=1)
    for row in frame.iter_rows(named=True):
        letter = contigs[row["chrom"]][row["genomic_position"] - 1]
        letter = letter if row["strand"] == "+" else letter.translate(str.maketrans("ACGT", "TGCA"))
        assert "ACGT".index(letter) == row["base_0"]


def test_sampled_rows_are_rows_of_the_full_table_bit_for_bit(built: Path, everything: Path) -> None:
    keys = ["gene_id", "position"]
    sampled, full = (pl.read_parquet(out / "master" / "*.parquet") for out in (built, everything))
    assert sampled.height < full.height / 4
    assert (full["sampling_weight"] == 1).all()
    same = sampled.select(keys).join(full, on=keys, how="left", maintain_order="left")
    for column in set(sampled.columns) - {"sampling_weight", *keys}:
        assert same[column].to_numpy().tobytes() == sampled[column].to_numpy().tobytes() or same[column].equals(
            sampled[column], null_equal=True
        ), column


def test_features_of_a_stored_gene_are_those_of_the_table(everything: Path) -> None:
    opened, frame = BuiltFolder.open(everything), pl.read_parquet(everything / "master" / "*.parquet")
    gene = next(opened.genes.genes())
    block = features(gene.scores, gene.sequence, gene.evidence, opened.recipe)
    own = frame.filter(pl.col("gene_id") == gene.gene_id).select(block.names).to_numpy().T
    np.testing.assert_array_equal(own.astype(np.float32), block.values)


def test_a_second_build_gives_the_same_bytes(place: Place, built: Path, tmp_path: Path) -> None:
    assert digests(place.build(tmp_path / "again")) == digests(built)


def test_blocks_and_processes_change_no_row(place: Place, built: Path, tmp_path: Path) -> None:
    one = place.build(tmp_path / "one", block_positions=20_000)
    four = place.build(tmp_path / "four", block_positions=20_000, threads=4)
    assert len(list((one / "master").iterdir())) > 3
    assert digests(four) == digests(one)
    frames = [pl.read_parquet(out / "master" / "*.parquet") for out in (one, built)]
    assert frames[0].equals(frames[1], null_equal=True)


def test_a_larger_draw_holds_the_smaller_one(place: Place, built: Path, tmp_path: Path) -> None:
    larger = pl.read_parquet(place.build(tmp_path / "larger", negatives_per_site=80.0) / "master" / "*.parquet")
    smaller = pl.read_parquet(built / "master" / "*.parquet")
    keys = ["gene_id", "position"]
    assert larger.height > smaller.height
    assert smaller.join(larger, on=keys, how="anti").is_empty()


def test_some_genes_have_the_rows_that_they_have_among_all(place: Place, everything: Path, tmp_path: Path) -> None:
    names = pl.read_csv(everything / "genes.tsv", separator="\t")["gene_id"].to_list()[2:14]
    (tmp_path / "names.txt").write_text("\n".join(names))
    options = ["--genome", place.genome, "--annotation", place.annotation, "--scores", f"main={place.scores()}"]
    more = ["--scores", f"alt={place.scores('alt')}", "--gene-types", "all", "--flank", "400", "--all-positions"]
    out = tmp_path / "some"
    assert main(["build", *map(str, options), *more, "--genes", f"@{tmp_path / 'names.txt'}", "--out", str(out)]) == 0
    some, full = (pl.read_parquet(folder / "master" / "*.parquet") for folder in (out, everything))
    assert some.equals(full.filter(pl.col("gene_id").is_in(names)), null_equal=True)


def test_bigwig_and_table_give_the_same_folder(place: Place, built: Path, tmp_path: Path) -> None:
    require_bigwig()
    tracks = tuple(f"{key}={place.folder / 'scores' / key}" for key in ("main", "alt"))
    found = digests(place.build(tmp_path / "bw", scores=tracks))
    expected = digests(built)
    assert {k: v for k, v in found.items() if k.endswith(".parquet")} == {
        k: v for k, v in expected.items() if k.endswith(".parquet")
    }


def test_gff3_and_a_shuffled_gtf_give_the_same_rows(place: Place, built: Path, tmp_path: Path) -> None:
    lines = place.annotation.read_text().splitlines()
    shuffled, gff3 = tmp_path / "shuffled.gtf", tmp_path / "genes.gff3"
    order = np.random.default_rng(0).permutation(len(lines))
    shuffled.write_text("\n".join(lines[k] for k in order) + "\n")
    gff3.write_text("##gff-version 3\n" + "\n".join(as_gff3(lines[k]) for k in order) + "\n")
    for annotation in (shuffled, gff3):
        out = place.build(tmp_path / annotation.stem, annotation=annotation)
        for part in ("genes", "master"):
            assert digests(out / part) == digests(built / part)


def as_gff3(line: str) -> str:
    *columns, attributes = line.split("\t")
    values = dict(re.findall(r'(\w+) "([^"]*)"', attributes))
    told = f"gene_id={values['gene_id']};gene_name={values['gene_name']};gene_type={values['gene_type']}"
    ids = {
        "gene": f"ID=gene:{values['gene_id']};{told}",
        "transcript": f"ID=transcript:{values.get('transcript_id')};Parent=gene:{values['gene_id']}",
        "exon": f"Parent=transcript:{values.get('transcript_id')}",
    }
    return "\t".join([*columns, ids[columns[2]]])


def test_an_interrupted_build_goes_on_and_ends_the_same(
    place: Place, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    whole = place.build(tmp_path / "whole", block_positions=30_000)
    write, built = block_units.write_block, []

    def interrupted(*arguments: object) -> object:
        if len(built) == 2:
            raise UnitsFailed("The machine must stay on", "It did not")
        built.append(1)
        return write(*arguments)

    monkeypatch.setattr(block_units, "write_block", interrupted)
    with pytest.raises(UnitsFailed):
        place.build(tmp_path / "out", block_positions=30_000)
    assert not (tmp_path / "out").exists()
    monkeypatch.setattr(block_units, "write_block", write)
    for other in ({"seed": 7, "block_positions": 30_000}, {"block_positions": 60_000}):
        with pytest.raises(UsageError, match=r"holds [12] finished blocks? of other .*options.*leave --resume out"):
            place.build(tmp_path / "out", resume=True, **other)
    with caplog.at_level("INFO", "meta_models"):
        place.build(tmp_path / "out", block_positions=30_000, resume=True)
    assert "2 of " in caplog.text
    assert digests(tmp_path / "out") == digests(whole)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["out", "whole"]


def test_finished_blocks_that_are_dropped_are_told(
    place: Place, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    finish = command._finish

    def stopped(*_: object) -> None:
        raise UnitsFailed("The machine must stay on", "It did not")

    monkeypatch.setattr(command, "_finish", stopped)
    with pytest.raises(UnitsFailed):
        place.build(tmp_path / "out")
    assert "Dropped" not in caplog.text
    monkeypatch.setattr(command, "_finish", finish)
    place.build(tmp_path / "out")
    assert "Dropped 1 finished part of a command that did not end; --resume keeps such parts" in caplog.text


def test_a_dry_run_prints_the_plan_and_writes_nothing(
    place: Place, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    options = ["--genome", place.genome, "--annotation", place.annotation, "--scores", f"main={place.scores()}"]
    assert main(["build", *map(str, options), "--gene-types", "all", "--dry-run"]) == 0
    plan = json.loads(capsys.readouterr().out)
    assert plan["genes"] == 16
    assert plan["counts"]["donor"] == plan["counts"]["acceptor"] > 0
    assert all(max(m["shares"]) > 0.9 for m in plan["base_models"][0]["alignment"])
    assert plan["rows"]["expected_rows"] > 0
    assert plan["predicted_peak_bytes"] > 0
    assert list(tmp_path.iterdir()) == []


def test_no_output_tells_paths_or_dates(built: Path, place: Place) -> None:
    for name in ("dataset_info.json", "build_report.txt", "genes.tsv"):
        text = (built / name).read_text()
        assert str(place.folder) not in text
        assert not re.search(r"20\d\d-\d\d", text)


def test_names_of_contigs_may_differ_by_chr_or_be_mapped(place: Place, built: Path, tmp_path: Path) -> None:
    stripped = tmp_path / "stripped.gtf"
    stripped.write_text(re.sub(r"^chr", "", place.annotation.read_text(), flags=re.M))
    mapped, names = tmp_path / "mapped.gtf", tmp_path / "names.tsv"
    mapped.write_text(re.sub(r"^chr(\d+)", r"NC_\1", place.annotation.read_text(), flags=re.M))
    names.write_text("".join(f"NC_{k}\tchr{k}\n" for k in range(1, 11)))
    for annotation, more in ((stripped, {}), (mapped, {"chrom_map": names})):
        out = place.build(tmp_path / annotation.stem, annotation=annotation, **more)
        assert digests(out / "genes") == digests(built / "genes")


def test_families_of_a_file_win_and_none_warns(place: Place, built: Path, tmp_path: Path) -> None:
    names = pl.read_csv(built / "genes.tsv", separator="\t")
    assert names["gene_family"].n_unique() < names.height  # the simulated copies are found
    file = tmp_path / "families.tsv"
    file.write_text("".join(f"{name}\tf{k % 5}\n" for k, name in enumerate(names["gene_id"])))
    given = place.build(tmp_path / "given", families=str(file))
    assert pl.read_parquet(given / "master" / "*.parquet")["gene_family"].unique().sort().to_list() == [
        f"f{k}" for k in range(5)
    ]
    none = place.build(tmp_path / "none", families="none")
    assert "WARNING: Families were not looked for" in (none / "build_report.txt").read_text()


def test_a_measured_shift_is_undone(place: Place, built: Path, tmp_path: Path) -> None:
    """OpenSpliceAI 0.0.7 writes acceptors one base upstream; auto, and the option that is named, bring them back."""
    frame = pl.read_parquet(place.scores())
    sense = pl.when(pl.col("strand") == "+").then(1).otherwise(-1)
    acceptor = frame.select("chrom", "strand", pl.col("position") - sense, "acceptor")
    moved = frame.drop("acceptor").join(acceptor, on=["chrom", "strand", "position"], how="left")
    path = tmp_path / "moved.parquet"
    moved.with_columns(pl.min_horizontal(pl.col("acceptor").fill_null(0.0), 1 - pl.col("donor"))).write_parquet(path)
    scores = (f"main={path}", f"alt={place.scores('alt')}")
    auto = place.build(tmp_path / "auto", scores=scores, shift=("auto",))
    given = place.build(tmp_path / "given", scores=scores, shift=("main:donor=0,acceptor=1",))
    assert digests(auto / "genes") == digests(given / "genes")
    for found, expected in zip(
        BuiltFolder.open(auto).genes.genes(), BuiltFolder.open(built).genes.genes(), strict=True
    ):
        inner = slice(found.flank, -found.flank)
        differ = found.scores["main"][inner] != expected.scores["main"][inner]
        assert differ.sum() <= 2  # scores of two positions that sum to more than 1 cannot stand at one
    info = json.loads((auto / "dataset_info.json").read_text())
    assert info["base_models"][0]["shifts"]["acceptor_plus"] == 1


def _without_low_scores(place: Place, key: str, folder: Path) -> str:
    """As many tracks come: positions that score below .001 for both are absent, and no score is 0."""
    scores = pl.read_parquet(place.scores(key)).with_columns(pl.col("donor", "acceptor").clip(lower_bound=1e-6))
    scores.filter(pl.max_horizontal("donor", "acceptor") >= 0.001).write_parquet(folder / f"{key}.parquet")
    return f"{key}={folder / key}.parquet"


def test_scores_below_a_floor_are_as_those_that_a_track_leaves_out(place: Place, tmp_path: Path) -> None:
    sparse = [_without_low_scores(place, key, tmp_path) for key in ("main", "alt")]
    both = [
        place.build(tmp_path / "all", score_floor=("0.001",)),
        place.build(tmp_path / "some", score_floor=("main:0.001", "alt:0.001"), scores=sparse),
    ]
    assert digests(both[0] / "genes") == digests(both[1] / "genes")
    assert digests(both[0] / "master") == digests(both[1] / "master")
    recipes = [BuiltFolder.open(built).recipe for built in both]
    assert recipes[0] == recipes[1]
    assert {track.floor for track in recipes[0].models} == {0.001}
    info = json.loads((both[0] / "dataset_info.json").read_text())
    assert [base["score_floor"] for base in info["base_models"]] == [0.001, 0.001]
    assert all((folder / "build_report.txt").read_text().count(", floor 0.001,") == 2 for folder in both)


def test_a_folder_without_hard_links_is_copied(
    place: Place, built: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refused(self: Path, target: Path) -> None:
        raise PermissionError(1, "Operation not permitted")

    monkeypatch.setattr(Path, "hardlink_to", refused)
    assert digests(place.build(tmp_path / "copied")) == digests(built)


def test_evidence_of_both_kinds(place: Place, tmp_path: Path) -> None:
    require_bigwig()
    names = [line.split("\t") for line in place.annotation.read_text().splitlines()]
    exons = [(f[0], f[6], int(f[3]), int(f[4]), f[8]) for f in names if f[2] == "exon"]
    first, second = exons[0], exons[1]
    assert first[4] == second[4]
    junction = f"{first[0]}\t{first[3] + 1}\t{second[2] - 1}\t{1 if first[1] == '+' else 2}\t1\t0\t7\t2\t30\n"
    (tmp_path / "SJ.out.tab").write_text(junction)
    shutil.copy(place.folder / "scores" / "main" / "donor_plus.bw", tmp_path / "signal.bw")
    evidence = (f"phylop={tmp_path / 'signal.bw'}", f"rna=star:{tmp_path / 'SJ.out.tab'}")
    out = place.build(tmp_path / "out", evidence=evidence, all_positions=True)
    opened = BuiltFolder.open(out)
    assert [track.kind for track in opened.recipe.evidence] == ["signal", "junctions"]
    dataset = open_dataset(out / "master", work_dir=tmp_path)
    groups = {name: dataset.group(name) for name in dataset.features}
    assert {groups[name] for name in groups if name.startswith("evidence_")} == {FeatureGroup.EVIDENCE}
    assert list(groups.values()).count(FeatureGroup.EVIDENCE) == len(opened.info.evidence_features) == 17
    frame = pl.read_parquet(out / "master" / "*.parquet")
    found = frame.filter(pl.col("evidence_rna_donor_reads") > 0)
    assert found.height == 1
    donor = first[3] if first[1] == "+" else second[2]
    assert found["genomic_position"].item() == donor
    assert found["splice_type"].item() == "donor"
    assert found["evidence_rna_donor_reads"].item() == pytest.approx(np.log1p(9))
    intron = second[2] - first[3]
    assert found["evidence_rna_donor_partner"].item() == pytest.approx(np.log1p(intron))
    assert frame["evidence_phylop_value"].is_finite().any()
