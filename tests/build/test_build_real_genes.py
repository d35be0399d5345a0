"""Builds of real genes: everything that goes in comes out, and the table tells the truth about all positions."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable
from pathlib import Path

import numpy as np
import polars as pl
import pytest
import xgboost
from pseudo_genome import PseudoGenome, make_pseudo_genome
from sklearn.metrics import average_precision_score

from meta_models.build.annotated import read_genes
from meta_models.build.command import run_build
from meta_models.build.config import BuildConfig
from meta_models.build.inputs.genome import open_genome
from meta_models.build.plan import make_plan
from meta_models.dataset.built import BuiltFolder
from meta_models.dataset.genes.folder import Gene
from meta_models.features import features

pytestmark = pytest.mark.real_data
KEYS = {"worm": ("osai400", "osai80", "honeybee400"), "human_chr1": ("osai400",)}


def options(genome: PseudoGenome, keys: tuple[str, ...], **changes: object) -> dict[str, object]:
    scores = tuple(f"{key}={genome.folder / 'scores' / key}.parquet" for key in keys)
    return {"genome": genome.fasta, "annotation": genome.folder / "annotation.gtf", "scores": scores, **changes}


@pytest.fixture(scope="module")
def worm_genome(real_data: Path, tmp_path_factory: pytest.TempPathFactory) -> PseudoGenome:
    """Its lines of the annotation in any order."""
    made = make_pseudo_genome(real_data, tmp_path_factory.mktemp("worm") / "made", genes=900, bigwig=False)
    lines = (made.folder / "annotation.gtf").read_text().splitlines()
    order = np.random.default_rng(5).permutation(len(lines))
    (made.folder / "annotation.gtf").write_text("\n".join(lines[k] for k in order) + "\n")
    return made


@pytest.fixture(scope="module")
def human_genome(real_data: Path, tmp_path_factory: pytest.TempPathFactory) -> PseudoGenome:
    folder = tmp_path_factory.mktemp("human") / "made"
    return make_pseudo_genome(real_data, folder, genes=93, raw="human_chr1", bigwig=False)


@pytest.fixture(scope="module")
def worm_built(worm_genome: PseudoGenome, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("built") / "worm"
    run_build(BuildConfig.from_mapping(options(worm_genome, KEYS["worm"], out=out, flank=1000)))
    return out


def assert_as_in_raw_file(genes: Iterable[Gene], raw_file: Path, keys: tuple[str, ...]) -> int:
    """Labels, sequence with 125 bases around, and scores equal those of the raw file; how many genes there are."""
    raw = np.load(raw_file)
    number = {gene["gene_id"]: k for k, gene in enumerate(json.loads(bytes(raw["meta.json"]))["genes"])}
    strands = Counter()
    for gene in genes:
        k, beyond = number[gene.gene_id], gene.flank - 125
        strands[gene.strand] += 1
        np.testing.assert_array_equal(gene.labels, raw[f"{k:06d}.labels"])
        np.testing.assert_array_equal(gene.sequence[beyond : len(gene.sequence) - beyond], raw[f"{k:06d}.seq"])
        for key in keys:
            expected = raw[f"{k:06d}.scores.{key}"][:, :2].astype(np.float32)
            np.testing.assert_array_equal(gene.scores[key][gene.flank : -gene.flank], expected)
    assert min(strands["+"], strands["-"]) > 30
    return strands.total()


def test_worm_genes_come_out_as_they_went_in(worm_built: Path, real_data: Path) -> None:
    genes = BuiltFolder.open(worm_built).genes.genes()
    assert assert_as_in_raw_file(genes, real_data / "raw" / "worm.npz", KEYS["worm"]) == 900


def test_human_genes_come_out_as_they_went_in(human_genome: PseudoGenome, real_data: Path, tmp_path: Path) -> None:
    """With introns of 1 base, for the raw file labels three gaps of 1, 5 and 12."""
    keys = KEYS["human_chr1"]
    config = options(human_genome, keys, dry_run=True, min_intron=1, flank=125, families="none")
    with make_plan(BuildConfig.from_mapping(config), tmp_path) as plan:
        genes = (plan.assembler.gene(model) for block in plan.blocks for model in block.genes)
        assert assert_as_in_raw_file(genes, real_data / "raw" / "human_chr1.npz", keys) == 93


def test_human_gaps_of_a_few_bases_are_no_introns(human_genome: PseudoGenome) -> None:
    config = BuildConfig.from_mapping(options(human_genome, KEYS["human_chr1"], dry_run=True))
    with open_genome(human_genome.fasta) as genome:
        found = read_genes(config, genome, {})
    assert found.counts["gaps shorter than 20 bases, no introns"] == 3
    assert sum(found.labeller.motifs.values()) == 949
    assert found.labeller.motifs["GT-AG"] == 940


@pytest.mark.parametrize("key", ["donor_score", "honeybee400_donor_score", "acceptor_score"])
def test_weighted_average_precision_of_the_table_is_that_of_all_positions(worm_built: Path, key: str) -> None:
    target = "acceptor" if "acceptor" in key else "donor"
    opened = BuiltFolder.open(worm_built)
    base = "honeybee400" if key.startswith("honeybee") else "osai400"
    kind = 1 + (target == "acceptor")
    labels, scores = [], []
    for gene in opened.genes.genes():
        labels.append(gene.labels == kind)
        scores.append(gene.scores[base][gene.flank : -gene.flank, kind - 1])
    true = average_precision_score(np.concatenate(labels), np.concatenate(scores))
    table = pl.read_parquet(worm_built / "master" / "*.parquet", columns=[key, "splice_type", "sampling_weight"])
    found = average_precision_score(
        (table["splice_type"] == target).to_numpy(), table[key].to_numpy(),
        sample_weight=table["sampling_weight"].to_numpy(),
    )  # fmt: skip
    assert found == pytest.approx(true, abs=0.001)


def test_worm_figures_of_the_table(worm_built: Path) -> None:
    info = json.loads((worm_built / "dataset_info.json").read_text())
    assert info["class_counts_all_positions"] == {"neither": 533_460, "donor": 1363, "acceptor": 1373}
    assert info["n_rows"] == pytest.approx(30_096, abs=600)
    assert all(max(m["shares"]) > 0.95 for base in info["base_models"] for m in base["alignment"])


def test_labels_of_other_genes_cannot_be_told(worm_built: Path) -> None:
    """No group that is on by default tells a label but by the scores and the sequence of the gene itself."""
    opened, rng = BuiltFolder.open(worm_built), np.random.default_rng(1)
    genes = [gene for gene in opened.genes.genes() if len(gene) < 900][:240]
    inputs, targets, folds = [], [], []
    for k, gene in enumerate(genes):
        other = genes[(k + 1 + int(rng.integers(len(genes) - 1))) % len(genes)].labels
        block = features(gene.scores, gene.sequence, gene.evidence, opened.recipe)
        inputs.append(block.values.T)
        targets.append(np.resize(np.roll(other, int(rng.integers(len(other)))), len(gene)) == 1)
        folds.append(np.full(len(gene), k % 2))
    matrix, target, fold = np.concatenate(inputs), np.concatenate(targets), np.concatenate(folds)
    settings = {"objective": "binary:logistic", "max_depth": 4, "max_delta_step": 1, "nthread": 1, "seed": 0}
    booster = xgboost.train(settings, xgboost.DMatrix(matrix[fold == 0], target[fold == 0]), 40)
    found = average_precision_score(target[fold == 1], booster.predict(xgboost.DMatrix(matrix[fold == 1])))
    assert found < 3 * target[fold == 1].mean()
