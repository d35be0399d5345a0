"""What is said of the weights behind a figure."""

from __future__ import annotations

from dataclasses import replace

from meta_models.analysis.comparison.notes import in_short, untold, weight_notes
from meta_models.metrics import HeavyRows

COARSE = HeavyRows(0.0, 0.0, 0.0, 0.0, 0.0, single_row=0.365, unseen=0.4)
FEW = replace(COARSE, loss=0.2, effective_rows=1.5, single_row=0.0)
FINE = replace(COARSE, single_row=0.0)


def test_the_numbers_stand_in_the_note_and_plain_words_where_it_is_short() -> None:
    notes = weight_notes({"base": {"donor": FINE, "acceptor": FEW}, "meta": {"donor": COARSE, "acceptor": COARSE}})
    note = "; ".join(
        [*notes, untold("base", "only 9.7 effective"), "only 9 families: the interval is likely to be too narrow"]
    )
    assert "base acceptor: a few heavy rows decide: 1.5 effective" in note
    assert "(meta donor, meta acceptor): one more sampled negative at the median site would take up to 0.365" in note
    assert in_short(note) == (
        "few of the rows that were drawn stand for very many positions, so this figure may be too high; "
        "only 9 families: the interval is likely to be too narrow"
    )


def test_other_notes_stay_as_they_are() -> None:
    assert weight_notes({"base": {"donor": FINE}}) == []
    assert in_short("no interval: one family; only 9 families") == "no interval: one family; only 9 families"
