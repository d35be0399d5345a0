"""Planted leaks are removed, honest columns are not."""

from __future__ import annotations

import csv
import dataclasses
import io

import numpy as np
import pytest
from screening_tables import leaks, real, synthetic, with_columns

from meta_models.config import TrainingConfig
from meta_models.errors import UsageError
from meta_models.schema import FeatureGroup
from meta_models.training.screening import TABLE, ScreeningReport, Verdict, screen

CONFIG = TrainingConfig(bootstrap_samples=200)
TESTS = {
    "linear", "rank", "one-feature AP", "missing", "zero", "constant", "duplicate", "identifier", "row order",
}  # fmt: skip


def verdicts(report: ScreeningReport, feature: str) -> dict[str, Verdict]:
    return {f.test: f.verdict for f in report.findings if f.feature == feature and f.verdict is not Verdict.CLEAN}


@pytest.fixture(scope="module")
def planted() -> ScreeningReport:
    sample = synthetic()
    return screen(with_columns(sample, leaks(sample, 0)), CONFIG)


def test_nothing_is_removed_from_an_honest_table() -> None:
    for seed in range(3):
        assert screen(synthetic(seed), CONFIG).excluded == {}


@pytest.mark.parametrize("leak", leaks(synthetic(), 0))
def test_each_planted_leak_is_removed(planted: ScreeningReport, leak: str) -> None:
    assert leak in planted.excluded
    assert Verdict.REMOVED in verdicts(planted, leak).values()


def test_only_the_planted_leaks_are_removed(planted: ScreeningReport) -> None:
    assert set(planted.excluded) == set(leaks(synthetic(), 0))


@pytest.mark.real_data
@pytest.mark.parametrize("species", ["human_chr1", "worm"])
@pytest.mark.parametrize("seed", [0, 1])
def test_real_tables(species: str, seed: int) -> None:
    sample = real(species, seed)
    config = CONFIG.model_copy(update={"seed": seed})
    assert screen(sample, config).excluded == {}
    planted = leaks(sample, seed)
    assert set(screen(with_columns(sample, planted), config).excluded) == set(planted)


@pytest.mark.real_data
@pytest.mark.parametrize(("species", "key"), [("human_chr1", "osai10k"), ("worm", "honeybee400")])
def test_another_predictor_under_an_unknown_name_is_not_taken_for_a_leak(species: str, key: str) -> None:
    sample = real(species, 0)
    other = [name.startswith(key) for name in sample.feature_names]
    names = tuple(f"x{j}" if o else name for j, (name, o) in enumerate(zip(sample.feature_names, other, strict=True)))
    groups = tuple(FeatureGroup.OTHER if o else g for g, o in zip(sample.groups, other, strict=True))
    report = screen(dataclasses.replace(sample, feature_names=names, groups=groups), CONFIG)
    assert report.excluded == {}
    assert "one-feature AP" in verdicts(report, next(n for n in names if n.startswith("x")))


def test_base_scores_and_what_comes_from_them_are_reported_not_removed() -> None:
    report = screen(synthetic(skill=6.0), CONFIG)
    assert report.excluded == {}
    assert verdicts(report, "donor_score")["one-feature AP"] is Verdict.REPORTED
    assert any("protected" in f.reason for f in report.findings if f.feature == "donor_score")


def test_a_leak_beside_nearly_perfect_base_scores_is_removed() -> None:
    sample = synthetic(skill=14.0)
    site = sample.labels > 0
    leak = site + np.random.default_rng(0).normal(0, 0.12, len(site))
    report = screen(with_columns(sample, {"support": leak}), CONFIG)
    assert list(report.excluded) == ["support"]


def test_without_enough_families_the_threshold_alone_decides() -> None:
    sample = synthetic(genes=4, rows=1000)
    site = sample.labels > 0
    rng = np.random.default_rng(0)
    columns = {"strong": site + rng.normal(0, 0.02, len(site)), "weak": site + rng.normal(0, 0.4, len(site))}
    report = screen(with_columns(sample, columns), CONFIG)
    assert list(report.excluded) == ["strong"]
    assert "families" in report.excluded["strong"]
    assert set(verdicts(report, "weak").values()) == {Verdict.REPORTED}


def test_protect_features_are_reported_and_kept() -> None:
    sample = synthetic()
    sample = with_columns(sample, {"support": sample.labels > 0})
    report = screen(sample, CONFIG.model_copy(update={"protect_features": ("support",)}))
    assert report.excluded == {}
    assert verdicts(report, "support")["linear"] is Verdict.REPORTED


def test_evidence_of_a_built_table_is_kept_and_told_of() -> None:
    sample = synthetic()
    reads = {"evidence_rna_donor_reads": sample.labels > 0}
    told = screen(with_columns(sample, reads, FeatureGroup.EVIDENCE), CONFIG)
    assert told.excluded == {}
    assert {f.feature for f in told.kept_evidence()} == set(reads)
    assert verdicts(told, "evidence_rna_donor_reads")["linear"] is Verdict.REPORTED
    named_so = screen(with_columns(sample, reads), CONFIG)
    assert set(named_so.excluded) == set(reads)
    assert named_so.kept_evidence() == ()


def test_protect_features_must_name_features() -> None:
    with pytest.raises(UsageError, match="no_such"):
        screen(synthetic(), CONFIG.model_copy(update={"protect_features": ("no_such",)}))


def test_keep_leaky_keeps_and_says_so() -> None:
    sample = synthetic()
    report = screen(
        with_columns(sample, {"support": sample.labels > 0}), CONFIG.model_copy(update={"keep_leaky": True})
    )
    assert report.excluded == {}
    assert report.excluded_text() == ""
    assert verdicts(report, "support")["linear"] is Verdict.KEPT


def test_a_copy_of_a_base_score_is_reported_not_removed() -> None:
    sample = synthetic(skill=14.0)
    report = screen(with_columns(sample, {"copy": sample.features[:, 0]}), CONFIG)
    assert report.excluded == {}
    assert verdicts(report, "copy")["duplicate"] is Verdict.REPORTED
    assert any("repeats donor_score" in f.reason for f in report.findings if f.feature == "copy")


def test_constant_and_duplicate_columns_are_reported_not_removed() -> None:
    sample = synthetic()
    n = len(sample.labels)
    columns = {
        "one": np.ones(n),
        "empty": np.full(n, np.nan),
        "twin": sample.features[:, 8],
        "minus": -np.zeros(n),
        "nil": np.zeros(n),
    }
    report = screen(with_columns(sample, columns), CONFIG)
    assert report.excluded == {}
    assert verdicts(report, "one") == {"constant": Verdict.REPORTED}
    assert verdicts(report, "empty") == {"constant": Verdict.REPORTED}
    assert verdicts(report, "twin") == {"duplicate": Verdict.REPORTED}
    assert verdicts(report, "nil") == {"constant": Verdict.REPORTED, "duplicate": Verdict.REPORTED}


def test_gene_level_quantities_are_no_identifiers() -> None:
    sample = synthetic()
    assert "identifier" not in verdicts(screen(sample, CONFIG), "gene_length")
    length = sample.features[:, sample.feature_names.index("gene_length")]
    report = screen(with_columns(sample, {"cds_bases": length + 1, "expression": np.sqrt(length)}), CONFIG)
    assert report.excluded == {}
    assert verdicts(report, "cds_bases")["identifier"] is Verdict.REPORTED
    assert verdicts(report, "expression")["identifier"] is Verdict.REPORTED


def test_row_order_that_tells_the_label_is_reported() -> None:
    sample = synthetic()
    assert not verdicts(screen(sample, CONFIG), TABLE)
    order = np.lexsort((-sample.labels.astype(int), sample.genes))
    sites_first = dataclasses.replace(sample, features=sample.features[order], labels=sample.labels[order])
    assert verdicts(screen(sites_first, CONFIG), TABLE) == {"row order": Verdict.REPORTED}


def test_csv_has_every_test_of_every_feature(planted: ScreeningReport) -> None:
    rows = list(csv.DictReader(io.StringIO(planted.csv())))
    assert list(rows[0]) == ["feature", "test", "target", "statistic", "verdict", "reason"]
    for feature in {r["feature"] for r in rows} - {TABLE}:
        assert {r["test"] for r in rows if r["feature"] == feature} >= TESTS
    assert planted.excluded_text().splitlines() == list(planted.excluded)


def test_equal_runs_give_equal_reports() -> None:
    sample = with_columns(synthetic(), leaks(synthetic(), 0))
    assert screen(sample, CONFIG).csv() == screen(sample, CONFIG).csv()
