"""Predicted memory of a matrix in pages."""

from pathlib import Path

from meta_models.learners.seam import Resources, Shape
from meta_models.learners.xgboost.memory import footprint
from meta_models.learners.xgboost.section import XGBoostConfig


def test_pages_are_made_beside_what_reading_takes():
    found = footprint(Shape(600_000, 300), XGBoostConfig(), Resources(cache=Path()))
    scan, chunks, page = 59_400_000, 2 * 8_000_000, 128_000_000
    assert found.building == int(scan + chunks + 2 * page + 2 * 2.1 / 4 * page)


def test_a_table_of_one_page_is_held_once():
    found = footprint(Shape(60_000, 300), XGBoostConfig(), Resources(cache=Path()))
    assert found.building == int(59_400_000 + 2 * 8_000_000 + 72_000_000 + 2.1 * 18_000_000)
    assert found.held == int(2.1 * 18_000_000)


def test_further_rows_add_no_page():
    one, two = (footprint(Shape(rows, 300), XGBoostConfig(), Resources(cache=Path())) for rows in (600_000, 1_200_000))
    assert one.building == two.building
    assert one.held == two.held
