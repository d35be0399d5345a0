import numpy as np
import polars as pl
import pytest
from fitted_models import FEATURES, ensemble
from polars.testing import assert_frame_equal
from served_tables import model, served_frame, write_served

from meta_models.errors import InputError
from meta_models.inference.served import open_served
from meta_models.inference.suggestion.candidates import Assessor, collected
from meta_models.inference.suggestion.measures import Surprise, expected_change, uncertainty


def parts(table, fitted, rows):
    assessor = Assessor(fitted, table)
    return collected(map(assessor, table.dataset.iter_frames(assessor.expressions(), rows)))


@pytest.fixture
def frame():
    return served_frame().with_columns(sampling_weight=pl.Series(np.linspace(1, 3, 1200)))


def opened(tmp_path, frame, fitted):
    return open_served(write_served(tmp_path, frame), fitted, work_dir=tmp_path / "work")


def test_totals_are_the_weighted_sums_over_the_rows_of_a_gene(tmp_path, frame):
    fitted = model()
    found = parts(opened(tmp_path, frame, fitted), fitted, 200)
    assert [candidate.gene_id for candidate in found] == sorted(frame["gene_id"].unique())
    rows = frame.filter(gene_id="G0007")
    weights, p = rows["sampling_weight"].to_numpy(), fitted.predict_proba(rows)
    gene = next(candidate for candidate in found if candidate.gene_id == "G0007")
    assert gene.positions == pytest.approx(weights.sum())
    assert gene.value("uncertainty") == pytest.approx(weights @ uncertainty(p), rel=1e-5)
    assert gene.value("expected_change") == pytest.approx(weights @ expected_change(p), rel=1e-5)
    matrix = rows.select(pl.col(fitted.feature_names).cast(pl.Float32)).to_numpy()
    surprise = Surprise(fitted.info.sketches, fitted.feature_names)(matrix)
    assert gene.value("distance") == pytest.approx(weights @ surprise / weights.sum(), rel=1e-5)
    assert gene.value("disagreement") is None


def test_genes_that_are_cut_by_chunks_are_whole_again(tmp_path, frame):
    fitted = model()
    table = opened(tmp_path, frame, fitted)
    some, other = parts(table, fitted, 37), parts(table, fitted, 10_000)
    for one, two in zip(some, other, strict=True):
        assert one.totals == pytest.approx(two.totals)
        np.testing.assert_array_equal(one.prints, two.prints)
        assert {min(p[2] for p in one.places), max(p[2] for p in one.places)} == {p[2] for p in two.places}


def test_members_are_asked_where_there_are_several(tmp_path):
    fitted = ensemble("weighted", "platt")
    rng = np.random.default_rng(1)
    scores = rng.dirichlet((0.3, 0.3, 1.0), 50)
    values = {name: rng.random(50) for name in FEATURES} | dict(zip(FEATURES[:3], scores.T, strict=True))
    frame = pl.DataFrame({"gene_id": ["a", "b"] * 25, **values})
    found = parts(opened(tmp_path, frame, fitted), fitted, 1000)
    assert all(candidate.value("disagreement") > 0 for candidate in found)
    expected = np.bincount([0, 1] * 25, uncertainty(fitted.predict_proba(frame)))
    np.testing.assert_allclose([candidate.value("uncertainty") for candidate in found], expected, rtol=1e-5)


def test_copies_have_the_same_prints_and_other_genes_none_of_them(tmp_path, frame):
    copy = frame.filter(gene_id="G0003").with_columns(gene_id=pl.lit("twin"))
    fitted = model()
    found = {c.gene_id: c for c in parts(opened(tmp_path, pl.concat([frame, copy]), fitted), fitted, 500)}
    np.testing.assert_array_equal(found["twin"].prints, found["G0003"].prints)
    assert len(found["twin"].prints)
    assert not np.intersect1d(found["twin"].prints, found["G0004"].prints).size


def test_a_row_without_a_gene_is_refused(tmp_path, frame):
    holes = frame.with_columns(gene_id=pl.when(pl.col("position") == 3).then(None).otherwise("gene_id"))
    with pytest.raises(InputError, match="must name its gene"):
        parts(opened(tmp_path, holes, model()), model(), 500)


def test_labels_are_not_looked_at(tmp_path, frame):
    fitted = model()
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    with_labels = parts(opened(tmp_path / "a", frame, fitted), fitted, 500)
    without = parts(opened(tmp_path / "b", frame.drop("splice_type"), fitted), fitted, 500)
    assert_frame_equal(*(pl.DataFrame([c.totals for c in found]) for found in (with_labels, without)))
