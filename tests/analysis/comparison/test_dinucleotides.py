from __future__ import annotations

import polars as pl
import pytest
from simulated_run import FEATURES, ArrayRows, simulated

from meta_models.analysis.comparison.dinucleotides import CANONICAL, OTHERS, with_dinucleotides

LABELS = [0, 1, 1, 1, 2, 2, 0, 0]
#: The last base of an exon or the first of an intron; the first base of an exon or the last of an intron.
AT_EXON = ["ccccccc", "cccaGTa", "cccaGTc", "cccaGCa", "cAGaccc", "tAGtccc", "cccaGTa", "ccAGccc"]
AT_INTRON = ["ccccccc", "cccGTac", "cccGTcc", "cccGCac", "ccAGccc", "ccAGtcc", "cccGTac", "cAGcccc"]


def rows_of(texts: list[str] | None) -> ArrayRows:
    rows = ArrayRows(simulated()[1], FEATURES)
    rows.texts = texts
    return rows


@pytest.mark.parametrize("texts", [AT_EXON, AT_INTRON])
def test_sites_are_canonical_wherever_the_table_puts_them(texts: list[str]) -> None:
    frame, strata = with_dinucleotides(pl.DataFrame({"label": LABELS}), rows_of(texts))
    assert list(strata) == [CANONICAL, OTHERS]
    assert frame.select(strata[CANONICAL]).to_series().to_list() == [False, True, True, False, True, True, True, False]
    assert frame.select(strata[OTHERS]).to_series().sum() == 3


@pytest.mark.parametrize("texts", [None, ["ccccccc"] * 8])
def test_without_bases_at_the_sites_there_are_no_strata(texts: list[str] | None) -> None:
    frame = pl.DataFrame({"label": LABELS})
    assert with_dinucleotides(frame, rows_of(texts))[1] == {}
    assert with_dinucleotides(frame, None)[1] == {}


def test_lower_case_rna_and_missing_sequences_are_read() -> None:
    frame = pl.DataFrame({"label": [1, 2, 0]})
    marked, strata = with_dinucleotides(frame, rows_of(["cccagua", "cagaccc", None]))  # type: ignore[list-item]
    assert marked.select(strata[CANONICAL]).to_series().to_list() == [True, True, False]
