"""Score columns that were exchanged, hold one value, or rank nothing are warned of."""

from __future__ import annotations

import polars as pl
from sklearn.metrics import average_precision_score
from tables import make_frame

from meta_models.dataset.plausibility.score_order import doubtful_scores
from meta_models.schema import LABEL_VALUES, MAIN_BASE, BaseModel

FRAME = make_frame(60, seed=4).with_columns(
    label=pl.col("splice_type").replace_strict(
        {name: int(c) for name, c in LABEL_VALUES.items()}, return_dtype=pl.UInt8
    )
)
N, D, A = MAIN_BASE.columns


def test_good_scores_are_not_doubtful() -> None:
    assert doubtful_scores(FRAME, [MAIN_BASE]) == ()


def test_donor_and_acceptor_exchanged() -> None:
    (text,) = doubtful_scores(FRAME.rename({D: A, A: D}), [MAIN_BASE])
    assert "'donor_score' and 'acceptor_score' look exchanged" in text
    donor = FRAME["label"] == 1
    assert f"{average_precision_score(donor, FRAME[A]):.3f} for donor and" in text
    assert f"{average_precision_score(donor, FRAME[D]):.3f} for donor. If so" in text


def test_exchanged_where_sites_of_one_kind_have_scores_of_the_other() -> None:
    blurred = FRAME.with_columns(
        (0.6 * pl.col(D) + 0.4 * pl.col(A)).alias(D), (0.6 * pl.col(A) + 0.4 * pl.col(D)).alias(A)
    )
    exchanged = blurred.rename({D: A, A: D})
    for column, c in ((D, 1), (A, 2)):  # each ranks its own class well above chance
        assert average_precision_score(FRAME["label"] == c, exchanged[column]) > 0.25
    assert doubtful_scores(blurred, [MAIN_BASE]) == ()
    (text,) = doubtful_scores(exchanged, [MAIN_BASE])
    assert "'donor_score' and 'acceptor_score' look exchanged" in text


def test_neither_and_donor_exchanged() -> None:
    (text,) = doubtful_scores(FRAME.rename({D: N, N: D}), [MAIN_BASE])
    assert "'neither_score' and 'donor_score' look exchanged" in text


def test_columns_of_one_value() -> None:
    texts = doubtful_scores(FRAME.with_columns(pl.lit(0, pl.Float32).alias(D)), [MAIN_BASE])
    assert texts == ("Column 'donor_score' holds 0 in every row: it is no score.",)


def test_scores_of_other_rows_rank_nothing() -> None:
    shuffled = FRAME.with_columns(pl.col(D, A, N).shuffle(seed=1))
    texts = doubtful_scores(shuffled, [MAIN_BASE])
    assert len(texts) == 3
    assert all("above chance" in text for text in texts)
    (text,) = doubtful_scores(FRAME.with_columns(1 - FRAME[A]), [MAIN_BASE])
    assert "'acceptor_score' does not rank acceptor" in text


def test_each_base_model_is_looked_at() -> None:
    other = BaseModel("other")
    frame = FRAME.with_columns(pl.lit(0.5, pl.Float32).alias(c) for c in other.columns)
    texts = doubtful_scores(frame, [MAIN_BASE, other])
    assert [text.split("'")[1] for text in texts] == list(other.columns)


def test_too_few_rows_say_nothing() -> None:
    assert (
        doubtful_scores(
            FRAME.filter((pl.col("label") != 2) | (pl.int_range(pl.len()) < 60)).rename({D: A, A: D}), [MAIN_BASE]
        )
        == ()
    )
