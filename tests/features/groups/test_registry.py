"""Every group is in the registry, states its version and parameters, and its columns are known to the schema."""

from __future__ import annotations

from dataclasses import replace

import pytest
from features.pieces import recipe

from meta_models.features import DEFAULT_GROUPS, GROUPS, column_names
from meta_models.schema import METADATA, BaseModel, FeatureGroup, base_models, feature_group

OF_GROUP = {
    "scores": {FeatureGroup.BASE, FeatureGroup.DERIVED, FeatureGroup.CONTEXT},
    "models": {FeatureGroup.DERIVED},
    "context": {FeatureGroup.CONTEXT},
    "sequence": {FeatureGroup.GENOMIC},
    "evidence": {FeatureGroup.OTHER},
    "annotation": {FeatureGroup.GENOMIC},
    "kmer": {FeatureGroup.KMER},
}


@pytest.mark.parametrize("name", GROUPS)
def test_columns_have_a_place_in_the_schema(name: str) -> None:
    names, bases = column_names(recipe(groups=(GROUPS[name](),))), (BaseModel(""), BaseModel("other"))
    assert {feature_group(column, bases) for column in names} == OF_GROUP[name]
    assert METADATA.isdisjoint(names)


def test_no_column_looks_like_the_score_of_another_base_model() -> None:
    assert base_models(column_names(recipe())) == (BaseModel(""), BaseModel("other"))


@pytest.mark.parametrize("name", GROUPS)
def test_groups_have_a_name_and_a_version(name: str) -> None:
    group = GROUPS[name]()
    assert group.name == name
    assert group.version == group.VERSION >= 1
    assert group.reach >= 0
    assert GROUPS[name].from_json(group.version, group.to_json()["parameters"]) == group


def test_what_needs_annotation_is_off_by_default() -> None:
    assert set(GROUPS) - set(DEFAULT_GROUPS) == {"annotation", "kmer"}


def test_columns_come_in_the_order_of_the_groups() -> None:
    made = recipe()
    turned = replace(made, groups=made.groups[::-1])
    each = [column_names(recipe(groups=(group,))) for group in made.groups]
    assert column_names(made) == tuple(name for names in each for name in names)
    assert column_names(turned) == tuple(name for names in each[::-1] for name in names)
