import json

import numpy as np
import polars as pl
import pytest
from served_tables import model, served_frame, write_model, write_served
from sklearn.metrics import average_precision_score

from meta_models.errors import InputError
from meta_models.inference.config import PredictConfig
from meta_models.inference.prediction import run_prediction

LOW, HIGH = 0.2, 0.7


def predict(tmp_path, frame, **options):
    out = tmp_path / "out.parquet"
    config = PredictConfig(
        model=str(write_model(tmp_path)), dataset=str(write_served(tmp_path, frame)), out=out,
        only_uncertain=(LOW, HIGH), part_rows=400, **options,
    )  # fmt: skip
    run_prediction(config)
    return pl.read_parquet(out), json.loads((tmp_path / "out.parquet.report.json").read_bytes())["selective"]


def test_only_uncertain_rows_are_scored(tmp_path):
    frame = served_frame()
    found, figures = predict(tmp_path, frame)
    highest = frame.select(pl.max_horizontal("donor_score", "acceptor_score")).to_series().to_numpy()
    touched = (highest >= LOW) & (highest <= HIGH)
    assert 0 < touched.sum() < len(touched)
    np.testing.assert_array_equal(found["meta_applied"].to_numpy(), touched)
    base = frame.select("neither_score", "donor_score", "acceptor_score").to_numpy()
    expected = np.where(touched[:, None], model().predict_proba(frame), base)
    names = ("calibrated_neither", "calibrated_donor", "calibrated_acceptor")
    np.testing.assert_allclose(found.select(names).to_numpy(), expected, rtol=1e-6)
    assert figures["rows_touched"] == touched.sum()
    assert figures["share_touched"] == pytest.approx(touched.mean())


def test_a_labelled_table_tells_what_it_does(tmp_path):
    frame = served_frame()
    found, figures = predict(tmp_path, frame)
    assert not [c for c in found.columns if c.startswith("_") or "splice" in c]
    unseen = (frame["gene_id"] > "G0009").to_numpy()
    for name, rows in (("all rows", np.ones(len(unseen), bool)), ("genes not trained on", unseen)):
        for site in ("donor", "acceptor"):
            truth = (frame["splice_type"] == site).to_numpy()[rows]
            for which, column in (("base", f"base_{site}"), ("selective", f"calibrated_{site}")):
                expected = average_precision_score(truth, found[column].to_numpy()[rows])
                assert figures["average_precision"][name][site][which]["value"] == pytest.approx(expected)


def test_weights_of_the_table_are_used(tmp_path):
    weights = np.random.default_rng(0).uniform(1, 9, served_frame().height)
    frame = served_frame().with_columns(sampling_weight=pl.Series(weights))
    found, figures = predict(tmp_path, frame)
    truth = (frame["splice_type"] == "donor").to_numpy()
    expected = average_precision_score(truth, found["calibrated_donor"].to_numpy(), sample_weight=weights)
    shown = figures["average_precision"]["all rows"]["donor"]["selective"]["value"]
    assert shown == pytest.approx(expected, rel=1e-5)
    touched = found["meta_applied"].to_numpy()
    assert figures["weighted_share_touched"] == pytest.approx(weights[touched].sum() / weights.sum(), rel=1e-5)


def test_without_labels_there_are_no_figures(tmp_path):
    _, figures = predict(tmp_path, served_frame().drop("splice_type"))
    assert figures["average_precision"] is None
    assert figures["rows_touched"] > 0


def test_where_every_gene_was_trained_on_there_is_a_reason(tmp_path):
    _, figures = predict(tmp_path, served_frame(n_genes=10))
    metric = figures["average_precision"]["genes not trained on"]["donor"]["base"]
    assert metric["value"] is None
    assert metric["reason"]


def test_an_unknown_label_is_refused(tmp_path):
    from meta_models.errors import InputError

    frame = served_frame().with_columns(splice_type=pl.lit("exon"))
    with pytest.raises(InputError, match="Found 'exon' in"):
        predict(tmp_path, frame)


def test_a_missing_weight_is_refused(tmp_path):
    frame = served_frame().with_columns(sampling_weight=pl.when(pl.int_range(pl.len()) > 0).then(2.0))
    with pytest.raises(InputError, match="Found 1 other value"):
        predict(tmp_path, frame)
    assert not list(tmp_path.glob("out*"))
