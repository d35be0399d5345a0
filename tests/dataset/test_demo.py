"""The demo table: deterministic, of the schema, honest in its weights, beatable and not trivial."""

from __future__ import annotations

import itertools
import json
import os
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pyarrow.parquet as pq
import pytest
import xgboost as xgb
from sklearn.metrics import average_precision_score
from sklearn.model_selection import GroupKFold

from meta_models.dataset.demo import motifs, write_demo_table
from meta_models.dataset.demo.genes import FLANK, GENE_LENGTH, NEIGHBOURHOOD, Gene, make_gene
from meta_models.dataset.demo.scorer import TRAINED_CHROMS, alternative_scores, main_scores
from meta_models.errors import UsageError, WriteError
from meta_models.schema import METADATA, SITE_CLASSES, FeatureGroup, SpliceClass, base_models, feature_group

N_GENES = 80


@pytest.fixture(scope="module")
def master(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_demo_table(tmp_path_factory.mktemp("demo"), n_genes=N_GENES)


@pytest.fixture(scope="module")
def table(master: Path) -> pl.DataFrame:
    return _read(master)


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Every position of the first eight genes."""
    return write_demo_table(tmp_path_factory.mktemp("whole"), n_genes=8, every_position=True)


@pytest.fixture(scope="module")
def info(master: Path) -> dict[str, Any]:
    return _info(master)


@pytest.fixture(scope="module")
def genes() -> list[Gene]:
    return [make_gene(0, index) for index in range(N_GENES)]


def _read(folder: Path) -> pl.DataFrame:
    return pl.concat([pl.read_parquet(path) for path in sorted(folder.glob("*.parquet"))])


def _info(folder: Path) -> dict[str, Any]:
    content: dict[str, Any] = json.loads((folder / "dataset_info.json").read_text())
    return content


def _features(table: pl.DataFrame) -> list[str]:
    return [name for name in table.columns if name not in METADATA]


def _bytes(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


# ------------------------------------------------------------------ files


def test_equal_arguments_give_equal_bytes_and_another_seed_others(tmp_path: Path) -> None:
    first = _bytes(write_demo_table(tmp_path / "a", n_genes=9, seed=3))
    assert first == _bytes(write_demo_table(tmp_path / "b", n_genes=9, seed=3))
    assert first == _bytes(write_demo_table(tmp_path / "a", n_genes=9, seed=3)), "written over itself"
    assert first != _bytes(write_demo_table(tmp_path / "c", n_genes=9, seed=4))
    assert len(first) == 4, "three files of three genes and the description"


def test_a_gene_is_the_same_in_every_table_that_holds_it(tmp_path: Path) -> None:
    long = _read(write_demo_table(tmp_path / "long", n_genes=12))
    short = _read(write_demo_table(tmp_path / "short", n_genes=4, gene_offset=8))
    assert short.equals(long.filter(pl.col("gene_id").is_in(short["gene_id"].unique().implode())))


def test_files_are_zstd_in_small_row_groups_with_page_checksums(master: Path) -> None:
    files = sorted(master.glob("*.parquet"))
    assert [path.name for path in files] == [f"batch_{n:05d}.parquet" for n in (1, 2, 3, 4)]
    metadata = pq.ParquetFile(files[0]).metadata
    assert metadata.row_group(0).num_rows <= 4096
    assert metadata.row_group(0).column(0).compression == "ZSTD"
    damaged = bytearray(files[0].read_bytes())
    column = metadata.row_group(0).column(metadata.num_columns - 1)
    damaged[column.data_page_offset + column.total_compressed_size // 2] ^= 1
    copy = files[0].with_name("damaged.tmp")
    copy.write_bytes(damaged)
    with pytest.raises(OSError, match="CRC"):
        pq.read_table(copy, page_checksum_verification=True)
    copy.unlink()


def test_a_folder_with_other_files_is_refused_and_left_alone(tmp_path: Path) -> None:
    (tmp_path / "master").mkdir()
    (tmp_path / "master" / "mine.parquet").write_text("mine")
    with pytest.raises(WriteError, match=r"mine\.parquet"):
        write_demo_table(tmp_path, n_genes=4)
    assert [path.name for path in (tmp_path / "master").iterdir()] == ["mine.parquet"]


def test_a_file_in_the_place_of_the_folder_is_a_write_error(tmp_path: Path) -> None:
    (tmp_path / "taken").write_text("")
    with pytest.raises(WriteError, match="taken"):
        write_demo_table(tmp_path / "taken", n_genes=4)


@pytest.mark.parametrize("numbers", [{"n_genes": 0}, {"seed": -1}, {"gene_offset": -4}, {"gene_offset": 3}])
def test_numbers_out_of_range_are_usage_errors(tmp_path: Path, numbers: dict[str, int]) -> None:
    with pytest.raises(UsageError, match="n_genes="):
        write_demo_table(tmp_path, **numbers)
    assert not list(tmp_path.iterdir())


# ------------------------------------------------------------------ schema


def test_columns_are_those_of_the_schema(table: pl.DataFrame) -> None:
    bases = base_models(table.columns)
    assert [base.key for base in bases] == ["", "alt"]
    groups = {name: feature_group(name, bases) for name in _features(table)}
    assert [name for name, group in groups.items() if group is FeatureGroup.OTHER] == []
    counts = {group: list(groups.values()).count(group) for group in FeatureGroup}
    assert counts == {
        FeatureGroup.BASE: 6,
        FeatureGroup.DERIVED: 33,
        FeatureGroup.CONTEXT: 7,
        FeatureGroup.KMER: 64,
        FeatureGroup.GENOMIC: 5,
        FeatureGroup.EVIDENCE: 0,
        FeatureGroup.OTHER: 0,
    }
    assert all(table.schema[f"3mer_{word}"] == pl.UInt8 for word in ("AAA", "TTT"))
    assert all(table.schema[name] == pl.Float32 for base in bases for name in base.columns)


@pytest.mark.real_data
def test_columns_and_types_equal_those_of_a_real_table(table: pl.DataFrame, real_schema: dict[str, Any]) -> None:
    ours = {name: kind for name, kind in table.schema.items() if not name.startswith("alt_")}
    theirs = {name: kind for name, kind in real_schema.items() if not name.startswith(("osai80_", "honeybee400_"))}
    assert list(ours.items()) == list(theirs.items())


@pytest.fixture
def real_schema(request: pytest.FixtureRequest) -> dict[str, Any]:
    root = os.environ.get("META_MODELS_DATA")
    if not root:
        pytest.skip("META_MODELS_DATA is unset: it names the folder with the real tables")
    return dict(pl.read_parquet_schema(Path(root) / "worm" / "master" / "batch_00001.parquet"))


def test_values_are_finite_and_scores_sum_to_one(table: pl.DataFrame) -> None:
    values = table.select(_features(table)).to_numpy()
    assert np.isfinite(values).all()
    for base in base_models(table.columns):
        scores = table.select(base.columns).to_numpy()
        assert scores.min() >= 0
        np.testing.assert_allclose(scores.sum(1), 1, atol=3e-6)


def test_description_agrees_with_the_table(table: pl.DataFrame, info: dict[str, Any]) -> None:
    assert (info["n_genes"], info["n_rows"]) == (table["gene_id"].n_unique(), len(table))
    assert info["feature_columns"] == _features(table)
    assert info["n_features"] == len(info["feature_columns"])
    assert info["class_counts_table"] == dict(table["splice_type"].value_counts().iter_rows())
    assert sum(info["true_prevalence"].values()) == pytest.approx(1, abs=1e-7)
    assert set(info["base_model"]["chroms_train"]) < set(table["chrom"])


# ------------------------------------------------------------------ sampling


def test_weights_reproduce_all_positions_of_each_gene(table: pl.DataFrame, info: dict[str, Any]) -> None:
    negatives = table.filter(pl.col("splice_type") == "neither")
    sites = table.filter(pl.col("splice_type") != "neither").group_by("gene_id").len("sites")
    sums = negatives.group_by("gene_id").agg(pl.col("sampling_weight").cast(pl.Float64).sum(), pl.first("gene_length"))
    joined = sums.join(sites, on="gene_id")
    expected = joined["gene_length"] - joined["sites"]
    np.testing.assert_allclose(joined["sampling_weight"], expected, rtol=1e-5)
    assert len(joined) == N_GENES
    assert expected.sum() == info["class_counts_all_positions"]["neither"]


def test_all_sites_and_hard_negatives_are_kept_with_weight_one(table: pl.DataFrame, whole: Path) -> None:
    everything = _read(whole)
    genes = everything["gene_id"].unique().implode()
    score = pl.max_horizontal("donor_score", "acceptor_score")
    certain = (pl.col("splice_type") != "neither") | (score >= 0.005)
    sampled = table.filter(pl.col("gene_id").is_in(genes))
    keys = ["gene_id", "position"]
    assert sampled.filter(certain).select(keys).equals(everything.filter(certain).select(keys))
    assert (sampled.filter(certain)["sampling_weight"] == 1).all()
    easy = sampled.filter(~certain)
    assert len(easy) == 10 * (sampled["splice_type"] != "neither").sum()
    assert (easy["sampling_weight"] > 1).all()


def test_every_position_table_holds_every_position_and_the_same_features(table: pl.DataFrame, whole: Path) -> None:
    everything = _read(whole)
    assert (everything["sampling_weight"] == 1).all()
    spans = everything.group_by("gene_id").agg(pl.len(), pl.first("gene_length"), pl.col("position").n_unique())
    assert (spans["len"] == spans["gene_length"]).all()
    assert (spans["len"] == spans["position"]).all()
    assert _info(whole)["negative_sampling"]["negatives_per_site"] is None
    sampled = table.filter(pl.col("gene_id").is_in(everything["gene_id"].unique().implode())).drop("sampling_weight")
    same = sampled.select("gene_id", "position").join(everything, on=["gene_id", "position"], how="left")
    assert same.select(sampled.columns).equals(sampled)


# ------------------------------------------------------------------ genes


def test_offset_and_seed_give_other_genes_and_families(tmp_path: Path, table: pl.DataFrame) -> None:
    beyond = _read(write_demo_table(tmp_path / "offset", n_genes=8, gene_offset=N_GENES))
    other = _read(write_demo_table(tmp_path / "seed", n_genes=8, seed=1))
    for column in ("gene_id", "gene_family"):
        sets = [set(part[column]) for part in (table, beyond, other)]
        assert len(set.union(*sets)) == sum(map(len, sets))


def test_paralogues_resemble_their_founder_and_stay_on_its_chromosome(genes: list[Gene]) -> None:
    families: dict[str, list[Gene]] = {}
    for gene in genes:
        families.setdefault(gene.family, []).append(gene)
    relatives = [family for family in families.values() if len(family) > 1]
    assert 0.2 * N_GENES < sum(map(len, relatives)) < 0.8 * N_GENES
    for founder, *copies in relatives:
        for copy in copies:
            assert (copy.chrom, copy.index // NEIGHBOURHOOD) == (founder.chrom, founder.index // NEIGHBOURHOOD)
            assert np.array_equal(copy.labels, founder.labels)
            assert 0.88 < (copy.sequence == founder.sequence).mean() < 0.96


def test_genes_have_the_stated_size_and_do_not_overlap(genes: list[Gene]) -> None:
    assert all(GENE_LENGTH[0] <= gene.length <= GENE_LENGTH[1] for gene in genes)
    for chrom in {gene.chrom for gene in genes}:
        spans = sorted((gene.start, gene.start + gene.length) for gene in genes if gene.chrom == chrom)
        assert all(end < start for (_, end), (start, _) in itertools.pairwise(spans))


def test_sites_follow_the_sequence_and_alternate(genes: list[Gene]) -> None:
    after_donor, before_acceptor = [], []
    for gene in genes:
        donors = np.flatnonzero(gene.labels == SpliceClass.DONOR)
        acceptors = np.flatnonzero(gene.labels == SpliceClass.ACCEPTOR)
        assert len(donors) == len(acceptors) > 0
        assert (acceptors - donors >= motifs.INTRON_LENGTH.low).all()
        after_donor.append(gene.sequence[donors[:, None] + FLANK + [1, 2]])
        before_acceptor.append(gene.sequence[acceptors[:, None] + FLANK + [-2, -1]])
    is_gt = (np.concatenate(after_donor) == motifs.encode("GT")).all(1)
    assert 0.975 < is_gt.mean() < 1, "nearly all donors are GT, a few are GC"
    assert (np.concatenate(before_acceptor) == motifs.encode("AG")).all()


def test_features_agree_with_a_direct_count_at_some_positions(genes: list[Gene], whole: Path) -> None:
    gene = genes[5]
    rows = _read(whole).filter(pl.col("gene_id") == gene.gene_id)
    scores = main_scores(gene, 0)
    for position in (0, 1, 777, gene.length - 1):
        row = rows.row(position, named=True)
        text = "".join(motifs.BASES[code] for code in gene.sequence[position : position + 2 * FLANK + 1])
        assert row["3mer_TTT"] == sum(text.startswith("TTT", at) for at in range(len(text)))
        assert row["gc_content"] == pytest.approx((text.count("G") + text.count("C")) / len(text))
        before = scores[position - 2, 1:].sum() if position >= 2 else 0.0
        assert row["context_score_m2"] == pytest.approx(before)
        assert row["donor_diff_m2"] == pytest.approx(scores[position, SpliceClass.DONOR] - before, abs=1e-7)
        forward = position if gene.strand == "+" else gene.length - 1 - position
        assert row["genomic_position"] == gene.start + forward


# ------------------------------------------------------------------ motifs


@pytest.mark.parametrize("shares", [motifs.DONOR, motifs.ACCEPTOR, motifs.BRANCH, motifs.temper(motifs.DONOR, 0.5)])
def test_motif_columns_sum_to_one_and_draws_follow_them(shares: motifs.Floats) -> None:
    np.testing.assert_allclose(shares.sum(1), 1)
    words = motifs.draw_motif(np.random.default_rng(1), shares, 20_000)
    drawn = np.stack([(words == base).mean(0) for base in range(motifs.N_BASES)], axis=1)
    np.testing.assert_allclose(drawn, shares, atol=0.02)


def test_lengths_follow_their_law() -> None:
    law = motifs.LengthLaw(median=100, mean=130, low=1, high=10**6)
    drawn = law.draw(np.random.default_rng(1), 50_000)
    assert np.median(drawn) == pytest.approx(100, rel=0.02)
    assert drawn.mean() == pytest.approx(130, rel=0.02)
    cut = motifs.INTRON_LENGTH.draw(np.random.default_rng(1), 5_000)
    assert motifs.INTRON_LENGTH.low <= cut.min() < cut.max() <= motifs.INTRON_LENGTH.high


# ------------------------------------------------------------------ how hard it is


def test_base_models_are_good_but_not_perfect(table: pl.DataFrame) -> None:
    for kind in SITE_CLASSES:
        is_site = (table["splice_type"] == kind.label).to_numpy()
        main = average_precision_score(is_site, table[f"{kind.label}_score"])
        alternative = average_precision_score(is_site, table[f"alt_{kind.label}_score"])
        assert 0.75 < main < 0.92
        assert 0.25 < alternative < main


def test_the_main_base_model_is_better_where_it_was_trained() -> None:
    means: dict[bool, list[float]] = {True: [], False: []}
    for index in range(0, 320, NEIGHBOURHOOD):
        gene = make_gene(0, index)
        site = gene.labels == SpliceClass.DONOR
        means[gene.chrom in TRAINED_CHROMS].append(float(main_scores(gene, 0)[site, SpliceClass.DONOR].mean()))
    assert np.mean(means[True]) > np.mean(means[False]) + 0.02


def test_the_alternative_base_model_reads_only_the_sequence(genes: list[Gene]) -> None:
    gene = genes[0]
    blind = replace(gene, labels=np.zeros_like(gene.labels))
    assert np.array_equal(alternative_scores(gene, 0), alternative_scores(blind, 0))


@pytest.mark.parametrize("kind", SITE_CLASSES)
def test_a_meta_model_beats_the_base_model_out_of_fold(table: pl.DataFrame, kind: SpliceClass) -> None:
    features = table.select(_features(table)).to_numpy().astype(np.float32)
    target = (table["splice_type"] == kind.label).to_numpy()
    weights = table["sampling_weight"].to_numpy()
    oof = _out_of_fold(features, target, table["gene_family"].to_numpy())
    score = table[f"{kind.label}_score"]
    meta, base = average_precision_score(target, oof), average_precision_score(target, score)
    assert base + 0.05 < meta < 0.995, "clearly better, and not solved"
    genomic = [average_precision_score(target, values, sample_weight=weights) for values in (oof, score)]
    assert genomic[0] > genomic[1] + 0.01, "also when the rows count as much as they stand for"


def _out_of_fold(features: np.ndarray, target: np.ndarray, families: np.ndarray) -> np.ndarray:
    parameters = {"objective": "binary:logistic", "max_depth": 4, "eta": 0.3, "max_bin": 32, "nthread": 2}
    matrix = xgb.QuantileDMatrix(features, target, max_bin=32)
    oof = np.zeros(len(target))
    for train, test in GroupKFold(3).split(features, groups=families):
        weights = np.zeros(len(target))
        weights[train] = 1
        matrix.set_weight(weights)
        booster = xgb.train(parameters | {"colsample_bytree": 0.5, "seed": 0}, matrix, num_boost_round=25)
        oof[test] = booster.inplace_predict(features[test])
    return oof


def test_no_metadata_or_missingness_gives_the_label_away(table: pl.DataFrame) -> None:
    """Features that are not computed from base scores tell little by themselves, and nothing is missing."""
    assert table.null_count().sum_horizontal().item() == 0
    bases = base_models(table.columns)
    plain = [n for n in _features(table) if feature_group(n, bases) in (FeatureGroup.KMER, FeatureGroup.GENOMIC)]
    is_site = (table["splice_type"] != "neither").to_numpy()
    for name in plain:
        assert abs(np.corrcoef(table[name].to_numpy(), is_site)[0, 1]) < 0.6, name
    position = table["genomic_position"].to_numpy() % 10_000
    assert abs(np.corrcoef(position, is_site)[0, 1]) < 0.05
