import json
from dataclasses import replace

import numpy as np
import polars as pl
import pytest
from polars.testing import assert_frame_equal
from served_tables import model, served_frame, write_model, write_served

from meta_models.cli import main
from meta_models.errors import InputError
from meta_models.inference.checks.drift import DriftReport, FeatureDrift, check_drift, stability_index
from meta_models.inference.config import PredictConfig
from meta_models.inference.prediction import run_prediction
from meta_models.inference.served import open_served
from meta_models.model.sketches import sketch_features

FEATURES = model().feature_names


def drift_of(tmp_path, frame, fitted=None, **options):
    fitted = fitted or model()
    table = open_served(write_served(tmp_path, frame), fitted, work_dir=tmp_path)
    return check_drift(fitted, table, **{"rows": 10_000, "psi_alarm": 0.25, "missing_alarm": 0.1, **options})


def far(report):
    return [feature.feature for feature in report.far]


def test_the_training_table_is_as_in_training(tmp_path):
    report = drift_of(tmp_path, served_frame())
    assert far(report) == []
    assert len(report.features) == len(FEATURES)
    assert max(feature.index for feature in report.features) < 1e-6


def test_other_genes_of_the_same_kind_are_as_in_training(tmp_path):
    assert far(drift_of(tmp_path, served_frame(seed=5))) == []


@pytest.mark.parametrize(
    ("change", "why"),
    [
        (pl.col("feature_1") * 100, "its spread is 100 times that of training"),
        (pl.col("feature_1") + 5, "median"),
        (pl.lit(None, pl.Float32).alias("feature_1"), "missing in 100.0% of the rows, in training in 0.0%"),
        (pl.when(pl.int_range(pl.len()) % 5 > 0).then(pl.col("feature_1")), "missing in 20.0%"),
        (pl.lit(0.0, pl.Float32).alias("feature_1"), "population-stability index"),
    ],
    ids=["scaled", "shifted", "all null", "some null", "constant"],
)
def test_a_changed_feature_is_named_alone(tmp_path, change, why):
    report = drift_of(tmp_path, served_frame().with_columns(change))
    assert far(report) == ["feature_1"]
    assert why in report.far[0].alarms[0]
    assert report.features[0].feature == "feature_1"


def exchange(*names):
    return pl.col(names[0]).alias(names[1]), pl.col(names[1]).alias(names[0])


def test_exchanged_scores_are_the_likely_cause_in_one_line(tmp_path):
    def scores(frame):  # those of acceptors are lower
        return frame.with_columns(acceptor_score=pl.col("acceptor_score") * 0.5)

    sample = scores(served_frame()).select(pl.col(FEATURES[:-1]).cast(pl.Float32)).to_numpy()
    genes = served_frame()["gene_id"].rank("dense").to_numpy()
    told = sketch_features(sample, FEATURES[:-1], ["float"] * 6, weights=np.ones(len(sample)), genes=genes)
    fitted = model().with_info(replace(model().info, sketches=told))
    assert drift_of(tmp_path / "a", scores(served_frame(seed=5)), fitted).far == ()
    swapped = scores(served_frame(seed=5)).with_columns(*exchange("donor_score", "acceptor_score"))
    report = drift_of(tmp_path / "b", swapped, fitted)
    assert report.exchanged == (("donor_score", "acceptor_score"),)
    assert len(report.lines()) == 1
    assert "'donor_score' and 'acceptor_score' look exchanged" in report.lines()[0]
    assert far(report) == ["acceptor_score", "donor_score"]
    scaled = scores(served_frame(seed=5)).with_columns(pl.col("donor_score") / 4, pl.col("acceptor_score") / 4)
    assert drift_of(tmp_path / "c", scaled, fitted).exchanged == ()


def test_labels_tell_of_exchanged_scores_that_are_distributed_alike(tmp_path, caplog):
    assert drift_of(tmp_path / "a", served_frame(40)).doubtful == ()
    swapped = served_frame(40).with_columns(*exchange("donor_score", "acceptor_score"))
    report = drift_of(tmp_path / "b", swapped)
    assert far(report) == []
    assert report.doubtful[0].startswith("Columns 'donor_score' and 'acceptor_score' look exchanged")
    odd = swapped.with_columns(splice_type=pl.lit("unknown"), donor_score=pl.lit(None, pl.Float32))
    assert drift_of(tmp_path / "c", odd).doubtful == ()
    assert drift_of(tmp_path / "d", swapped.drop("splice_type")).doubtful == ()
    files = {"model": str(write_model(tmp_path)), "dataset": str(tmp_path / "b" / "table")}
    config = PredictConfig(**files, out=tmp_path / "out.parquet")
    run_prediction(config)
    assert "look exchanged" in caplog.text


def test_an_absent_kmer_counts_zero_and_is_named(tmp_path):
    report = drift_of(tmp_path, served_frame().drop("3mer_ACG"))
    assert far(report) == ["3mer_ACG"]
    assert "absent and counts 0" in report.far[0].alarms[0]


def test_a_sample_of_the_table_is_enough(tmp_path):
    frame = served_frame(n_genes=200, rows=60, seed=3).with_columns(pl.col("feature_0") + 5)
    report = drift_of(tmp_path, frame, rows=2000)
    assert far(report) == ["feature_0"]
    assert 2000 <= report.rows <= 2512


def test_few_genes_do_not_alarm_by_chance(tmp_path):
    """A value that is the same in all rows of a gene: three genes say little of its distribution."""
    rng = np.random.default_rng(1)

    def table(genes, seed):
        frame = served_frame(genes, 60, seed=seed)
        values = rng.normal(size=genes).astype(np.float32)
        return frame.with_columns(pl.Series("feature_1", np.repeat(values, 60)))

    training = table(40, 0)
    X = training.select(pl.col(FEATURES).cast(pl.Float32)).to_numpy()
    genes = training["gene_id"].rank("dense").to_numpy()
    sketches = sketch_features(X, FEATURES, ["float"] * 7, weights=np.ones(len(X)), genes=genes)
    from dataclasses import replace

    fitted = model().with_info(replace(model().info, sketches=sketches))
    report = drift_of(tmp_path, table(3, 9), fitted)
    found = next(feature for feature in report.features if feature.feature == "feature_1")
    assert found.index > 0.25
    assert found.limit > found.index
    assert far(report) == []


def test_weights_make_a_down_sampled_table_stand_for_its_genes(tmp_path):
    """Training kept one in ten of the rows without signal; the served table has them all."""
    from dataclasses import replace

    whole = served_frame(60, 60, seed=2).with_columns(sampling_weight=pl.lit(1.0))
    easy = pl.col("feature_0") < 0.5
    kept = whole.filter(~easy | (pl.int_range(pl.len()) % 10 == 0))
    kept = kept.with_columns(sampling_weight=pl.when(easy).then(10.0).otherwise(1.0))
    X = kept.select(pl.col(FEATURES).cast(pl.Float32)).to_numpy()
    genes, weights = kept["gene_id"].rank("dense").to_numpy(), kept["sampling_weight"].to_numpy()
    for use, expected in ((weights, []), (np.ones(len(X)), ["feature_0"])):
        sketches = sketch_features(X, FEATURES, ["float"] * 7, weights=use, genes=genes)
        info = replace(model().info, sketches=sketches, weighting="sampling_weight")
        assert far(drift_of(tmp_path, whole, model().with_info(info))) == expected


def test_index_by_hand():
    assert stability_index(np.array([0.5, 0.5]), np.array([0.5, 0.5])) == 0
    expected = (0.8 - 0.5) * np.log(0.8 / 0.5) + (0.2 - 0.5) * np.log(0.2 / 0.5)
    assert stability_index(np.array([0.5, 0.5]), np.array([0.8, 0.2])) == pytest.approx(expected)
    assert np.isfinite(stability_index(np.array([1.0, 0.0]), np.array([0.0, 1.0])))


def predict(tmp_path, frame, **options):
    out = tmp_path / "out.parquet"
    config = PredictConfig(
        model=str(tmp_path / "model_multiclass.pkl"), dataset=str(write_served(tmp_path, frame)), out=out, **options
    )
    run_prediction(config)
    return drift_in(tmp_path)


def drift_in(tmp_path):
    return json.loads((tmp_path / "out.parquet.report.json").read_bytes())["drift"]


def command(tmp_path, table):
    arguments = ["--model", str(write_model(tmp_path)), "--dataset", str(table), "--out", str(tmp_path / "out.parquet")]
    return main(["predict", *arguments, "--overwrite"])


def test_files_of_a_table_may_differ_as_far_as_the_contract_says(tmp_path):
    """In a numeric type, in a k-mer column that one lacks, in a column without a value, in the categories of genes."""
    frame = served_frame().with_columns(pl.col("feature_0").round())
    half = frame.height // 2
    frame = frame.with_columns(
        pl.when(pl.int_range(pl.len()) < half).then(0).otherwise(pl.col("3mer_ACG")).alias("3mer_ACG"),
        pl.when(pl.int_range(pl.len()) < half).then(pl.col("feature_1")).alias("feature_1"),
    )
    assert command(tmp_path, write_served(tmp_path, frame)) == 0
    rows, drift = pl.read_parquet(tmp_path / "out.parquet"), drift_in(tmp_path)
    first, second = frame[:half], frame[half:]
    categories = [pl.Enum(part["gene_id"].unique().sort()) for part in (first, second)]
    folder = tmp_path / "mixed"
    folder.mkdir()
    first.drop("3mer_ACG").with_columns(
        pl.col("feature_0").cast(pl.Int64), pl.col("gene_id").cast(categories[0]), pl.col("chrom").cast(pl.Categorical)
    ).write_parquet(folder / "a.parquet")
    second.with_columns(
        pl.col("feature_0").cast(pl.Float64), pl.lit(None).alias("feature_1"), pl.col("gene_id").cast(categories[1])
    ).write_parquet(folder / "b.parquet")
    assert command(tmp_path, folder) == 0
    assert_frame_equal(pl.read_parquet(tmp_path / "out.parquet"), rows)
    assert drift_in(tmp_path) == drift


@pytest.mark.parametrize("text", [True, False], ids=["text", "date"])
def test_a_feature_that_is_no_number_is_named(tmp_path, capsys, text):
    folder = tmp_path / "other"
    folder.mkdir()
    frame = served_frame()
    if text:
        one = pl.when(pl.int_range(pl.len()) == 3).then(pl.lit("."))
        frame.with_columns(one.otherwise(pl.col("feature_1").cast(pl.String)).alias("feature_1")).write_csv(
            folder / "t.csv"
        )
    else:
        frame.with_columns(feature_1=pl.date(2020, 1, 1)).write_parquet(folder / "t.parquet")
    assert command(tmp_path, folder) == 3
    said = capsys.readouterr().err
    assert said.startswith("error: Features must be numbers. Found other column types: feature_1 (")
    assert len(said.splitlines()) == 1


def test_it_is_reported_and_strict_refuses(tmp_path, caplog):
    write_model(tmp_path)
    scaled = served_frame().with_columns(pl.col("feature_1") * 100)
    assert predict(tmp_path, scaled)["far"] == ["feature_1"]
    assert "1 of 7 features are far from training" in caplog.text
    (tmp_path / "out.parquet").unlink()
    with pytest.raises(InputError, match="1 of 7 are far: feature_1") as caught:
        predict(tmp_path, scaled, strict=True)
    assert caught.value.exit_code == 3
    assert not (tmp_path / "out.parquet").exists()
    assert json.loads((tmp_path / "out.parquet.report.json").read_bytes())["drift"]["far"] == ["feature_1"]
    assert predict(tmp_path, served_frame(), strict=True)["far"] == []


def test_a_model_without_sketches_says_so(tmp_path, caplog):
    write_model(tmp_path, sketches={})
    assert predict(tmp_path, served_frame())["reason"] == "the model file holds no sketches of its features"
    assert "not compared" in caplog.text
    (tmp_path / "out.parquet").unlink()
    with pytest.raises(InputError, match="--strict needs a model"):
        predict(tmp_path, served_frame(), strict=True)


@pytest.mark.parametrize("weight", [None, float("nan"), float("inf"), 0.0])
def test_a_weight_that_is_none_is_refused(tmp_path, weight):
    first = pl.int_range(pl.len()) == 0
    frame = served_frame().with_columns(sampling_weight=pl.when(first).then(pl.lit(weight)).otherwise(2.0))
    weighted = model().with_info(replace(model().info, weighting="sampling_weight"))
    with pytest.raises(InputError, match=r"'sampling_weight' .* must be positive and finite in every row"):
        drift_of(tmp_path, frame, weighted)


def test_a_table_of_few_genes_is_not_judged(tmp_path, caplog):
    write_model(tmp_path)
    few = served_frame(9, 60).with_columns(pl.col("feature_1") * 100)
    with caplog.at_level("INFO"):
        drift = predict(tmp_path, few)
    assert (drift["groups"], drift["far"]) == (9, ["feature_1"])
    assert "Not judged whether features are as in training: 540 rows of 9 genes, regions or blocks" in caplog.text
    assert "far from training" not in caplog.text
    assert "(540 rows; the model was trained on the gene or the position of 540 of them)" in caplog.text
    assert "no corrected_*: give --prevalence NEITHER DONOR ACCEPTOR" in caplog.text


def test_five_features_are_shown_at_most():
    def lines(count):
        each = [FeatureDrift(f"f{k}", 1.0, 0.25, 0.0, 0.0, 0.0, 0.0, ("why",)) for k in range(count)]
        return DriftReport(100, weighted=False, features=tuple(each)).lines()

    assert lines(5) == tuple(f"f{k}: why" for k in range(5))
    assert lines(6)[4:] == ("f4: why", "and 1 more feature")
    assert lines(31)[5:] == ("and 26 more features",)
