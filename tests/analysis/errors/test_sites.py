from __future__ import annotations

from dataclasses import replace

import numpy as np
import polars as pl
from simulated_run import context_of, trained

from meta_models.analysis.attribution.contributions import contributions_to, parts_by_fold, parts_of
from meta_models.analysis.attribution.kmers import kmer_table, strand_pair
from meta_models.analysis.comparison.scores import Scores
from meta_models.analysis.errors.genes import per_gene
from meta_models.analysis.errors.sites import Sites, change_table
from meta_models.analysis.framework.base import AnalysisContext
from meta_models.metrics import normalised
from meta_models.result import CALIBRATED, TrainingResult, probability_columns
from meta_models.schema import MAIN_BASE, SpliceClass


def called(target: int) -> np.ndarray:
    return 0.05 + 0.85 * np.eye(3)[target]


def planted(result: TrainingResult) -> TrainingResult:
    """Base and meta-model are right everywhere, but at four positions of known kind."""
    n = result.oof.height
    labels = np.zeros(n, np.uint8)
    labels[[10, 20]] = 1
    labels[30] = 2
    right = np.full((n, 3), 0.05) + 0.85 * np.eye(3)[labels]
    base, meta = right.copy(), right.copy()
    base[10] = called(0)  # a false negative that the meta-model removes
    base[40] = called(2)  # a false positive that it removes
    meta[20] = called(0)  # a false negative that it adds
    meta[50] = called(1)  # a false positive that it adds
    columns = {"label": labels}
    for names, values in ((MAIN_BASE.columns, base), (probability_columns(CALIBRATED), meta)):
        columns |= {name: values[:, k].astype(np.float32) for k, name in enumerate(names)}
    return replace(result, oof=result.oof.with_columns(**{name: pl.Series(v) for name, v in columns.items()}))


def test_planted_sites_are_found(result: TrainingResult) -> None:
    context = context_of(planted(result))
    outcome = Sites().run(context)
    read = {
        name: pl.read_csv(context.writer.files[f"{name}_sites.tsv"], separator="\t") for name in ("fixed", "broken")
    }
    oof = context.result.oof
    assert sorted(read["fixed"]["label"]) == ["donor", "neither"]
    assert sorted(read["broken"]["label"]) == ["donor", "neither"]
    found = set(zip(read["fixed"]["gene_id"], read["fixed"]["position"], strict=True))
    assert found == {(oof["gene_id"][k], oof["position"][k]) for k in (10, 40)}
    assert read["fixed"]["top_features"].null_count() == 0
    assert any(text.startswith("acceptor: ") for text in read["fixed"]["top_features"])
    assert outcome.status.value == "passed"


def test_changes_are_counted_by_kind_and_weight(result: TrainingResult) -> None:
    scores = Scores(planted(result))
    calls = [normalised(p).argmax(axis=1) for p in (scores.main_base, scores.calibrated)]
    counts = change_table(scores, scores.populations[1], *calls)
    rows = {
        (r["class"], r["kind"]): (r["base"], r["meta"], r["removed"], r["added"]) for r in counts.iter_rows(named=True)
    }
    assert rows == {
        ("donor", "false positives"): (0, 1, 0, 1),
        ("donor", "false negatives"): (1, 1, 1, 1),
        ("acceptor", "false positives"): (1, 0, 1, 0),
        ("acceptor", "false negatives"): (0, 0, 0, 0),
    }
    weights = scores.frame["weight"].to_numpy()
    genomic = change_table(scores, scores.populations[0], *calls).filter(pl.col("kind") == "false positives")
    assert genomic["base"].to_list() == [0.0, float(weights[40])]


def test_unexplained_sites_stay_in_the_table(context: AnalysisContext) -> None:
    config = context.config.model_copy(update={"explained_sites": 3})
    few = context_of(replace(context.result, config=config))
    Sites().run(few)
    table = pl.read_csv(few.writer.files["fixed_sites.tsv"], separator="\t")
    assert table.height > 3
    assert table["top_features"].is_not_null().to_list() == [True] * 3 + [False] * (table.height - 3)
    assert table["change"].to_list() == sorted(table["change"], reverse=True)


def test_genes_add_up_to_the_table(context: AnalysisContext) -> None:
    table = per_gene(context.scores)
    oof = context.result.oof
    assert table["gene_id"].to_list() == sorted(set(oof["gene_id"]))
    assert table["rows"].sum() == oof.height
    assert table["donor_sites"].sum() == (oof["label"] == 1).sum()
    gene = table.row(5, named=True)
    mine = oof.filter(pl.col("gene_id") == gene["gene_id"]).sort("calibrated_donor", descending=True)
    k = (mine["label"] == 1).sum()
    assert gene["donor_found_meta"] == (mine["label"].head(k) == 1).sum()
    assert (table["donor_found_meta"] <= table["donor_sites"]).all()


def test_best_base_is_taken_by_fold(result: TrainingResult) -> None:
    scores = Scores(result)
    for fold, name in result.best_base_by_fold.items():
        held_out = scores.folds == fold
        assert np.array_equal(scores.best_base[held_out], scores.bases[name][held_out])
    assert list(scores.scorers) == ["base (main)", "best base (main, other)", "meta"]
    same = Scores(replace(trained(), best_base_by_fold=dict.fromkeys(range(3), "main")))
    assert list(same.scorers) == ["base (main)", "meta"]


def test_kmers_are_summed_over_strands_and_k() -> None:
    assert strand_pair("3mer_ACG") == strand_pair("3mer_CGT") == "ACG/CGT"
    assert strand_pair("4mer_ACGT") == "ACGT"
    importance = np.array([[1.0, 2.0, 4.0, 8.0]] * 3)
    table = kmer_table(["3mer_ACG", "3mer_CGT", "gc_content", "2mer_AT"], importance)
    found = {(r["sum"], r["k"], r["kmers"]): r["mean_abs_shap_donor"] for r in table.iter_rows(named=True)}
    assert found == {
        ("k", 2, "all"): 8.0,
        ("k", 3, "all"): 3.0,
        ("strand pair", 2, "AT"): 8.0,
        ("strand pair", 3, "ACG/CGT"): 3.0,
    }
    assert kmer_table(["gc_content"], np.ones((3, 1))).height == 0


def test_sites_are_explained_by_the_models_that_scored_them(result: TrainingResult) -> None:
    context = context_of(planted(result))
    outcome = Sites().run(context)
    fixed = pl.read_csv(context.writer.files["fixed_sites.tsv"], separator="\t")
    row = fixed.filter(pl.col("label") == "donor").row(0, named=True)
    model = result.fold_models[int(result.oof["fold"][10])]
    values = contributions_to(parts_of(model), SpliceClass.DONOR, context.read_rows(np.array([10])))[0]
    best = int(np.argmax(np.abs(values)))
    assert row["top_features"].startswith(f"donor: {result.kept_features[best]}=")
    assert f"({values[best]:+.2f})" in row["top_features"].partition(";")[0]
    assert "explained by the models that scored them out of fold" in outcome.tables[1].caption


def test_a_gene_of_a_batch_is_explained_by_the_other_members() -> None:
    result = trained(ensemble=True)
    parts = parts_by_fold(result)
    members = result.model.members
    assert sorted(parts) == [0, 1, 2]
    assert [part.predictor for part in parts[1]] == [members[0].predictor, members[2].predictor]
    assert np.allclose(np.sum([part.weights for part in parts[1]], axis=0), 1)
    alone = replace(result, ensemble=replace(result.ensemble, cv="refit"))
    assert parts_by_fold(alone) == {}
    outcome = Sites().run(context_of(planted(alone)))
    assert "which was trained on these rows, too" in outcome.tables[1].caption


def test_sites_without_feature_values_are_said_to_be_unexplained(result: TrainingResult) -> None:
    outcome = Sites().run(context_of(planted(result), rows=False))
    assert "not explained: there are no feature values" in outcome.tables[1].caption
