"""A recipe survives JSON, refuses what is not one, and tells what keeps two recipes apart."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from features.pieces import recipe

from meta_models.errors import InputError
from meta_models.features import BaseTrack, EvidenceTrack, Recipe
from meta_models.features.groups.context import ContextGroup
from meta_models.features.groups.scores import ScoresGroup


def test_json_gives_the_recipe_back() -> None:
    made = recipe(flank=77, context="gene")
    back = Recipe.from_json(json.loads(json.dumps(made.to_json())))
    assert back == made
    assert back.sha256 == made.sha256
    assert hash(back) == hash(made)


def test_the_hash_is_of_all_that_is_in_it() -> None:
    assert len({recipe().sha256, recipe(flank=1).sha256, recipe(evidence=()).sha256}) == 3
    assert BaseTrack("a", floor=0) == BaseTrack("a", floor=0.0)
    assert Recipe((BaseTrack("a", floor=0),)).sha256 == Recipe((BaseTrack("a"),)).sha256


WRONG: dict[str, tuple[Callable[[dict[str, Any]], Any], str]] = {
    "no object": (lambda data: [data], "found list"),
    "a field less": (lambda data: data.pop("flank"), "a recipe has the fields"),
    "another format": (lambda data: data.update(format=2), "found format 2"),
    "a format that is a truth value": (lambda data: data.update(format=True), "of type int"),
    "an unknown field": (lambda data: data.update(colour="red"), "colour"),
    "a flank that is text": (lambda data: data.update(flank="5"), "flank is of type int.*'5'"),
    "a flank below 0": (lambda data: data.update(flank=-5), "0 bases or more"),
    "another context": (lambda data: data.update(context="cell"), "genome or gene.*'cell'"),
    "no base model": (lambda data: data.update(models=[]), "a base model"),
    "a base model twice": (lambda data: data["models"].append(data["models"][0]), "different names"),
    "a key with a space": (lambda data: data["models"][0].update(key="a b"), "letters, digits"),
    "a floor of 1": (lambda data: data["models"][0].update(floor=1), r"lies in \[0, 1\)"),
    "no decimals": (lambda data: data["models"][0].update(decimals=0), "1 decimal or more"),
    "an unknown kind": (lambda data: data["evidence"][0].update(kind="vcf"), "signal, junctions"),
    "an unknown group": (lambda data: data["groups"][0].update(name="magic"), "feature groups are"),
    "an unknown parameter": (lambda data: data["groups"][0]["parameters"].update(a=1), "found a in a recipe"),
    "windows that shrink": (lambda data: data["groups"][2]["parameters"].update(windows=[9, 3]), "increasing"),
    "a window of text": (lambda data: data["groups"][2]["parameters"].update(windows="9"), "list of whole numbers"),
    "a range of one": (lambda data: data["groups"][2]["parameters"].update(exon=[9]), "least and the largest"),
    "a candidate that is sure": (lambda data: data["groups"][2]["parameters"].update(candidate=1.5), "probability"),
    "a rival of 0": (lambda data: data["groups"][2]["parameters"].update(rival=0), "positive number"),
    "words of seven": (lambda data: data["groups"][6]["parameters"].update(k=[7]), "up to 6"),
}


@pytest.mark.parametrize("case", WRONG)
def test_what_is_no_recipe_is_refused(case: str) -> None:
    change, message = WRONG[case]
    data = json.loads(json.dumps(recipe().to_json()))
    changed = change(data)
    with pytest.raises(InputError, match=message):
        Recipe.from_json(changed if case == "no object" else data)


def test_equal_recipes_have_no_differences() -> None:
    assert recipe().differences(recipe()) == ()
    assert recipe().differences(recipe(flank=6000)) == ()


OTHER: dict[str, tuple[Recipe, str]] = {
    "flank": (recipe(flank=4000), "flank of 5000 bases; found 4000"),
    "context": (recipe(context="gene"), "context genome; found gene"),
    "keys": (Recipe((BaseTrack("main"),)), "base models: main, other in this order; found main"),
    "order": (replace(recipe(), models=recipe().models[::-1]), "found other, main"),
    "floor": (
        replace(recipe(), models=(BaseTrack("main"), BaseTrack("other", 0.01))),
        "base model other: floor 0.001; found 0.01",
    ),
    "decimals": (
        replace(recipe(), models=(BaseTrack("main", decimals=2), BaseTrack("other", 0.001))),
        "base model main: decimals None; found 2",
    ),
    "evidence": (
        recipe(evidence=(EvidenceTrack("phylop", "signal"),)),
        "evidence tracks: phylop, rna in this order; found phylop",
    ),
    "groups": (recipe(groups=(ScoresGroup(),)), "found scores"),
}


@pytest.mark.parametrize("case", OTHER)
def test_differences_are_told(case: str) -> None:
    other, message = OTHER[case]
    assert any(message in line for line in recipe().differences(other))


def test_versions_and_parameters_of_groups_are_compared() -> None:
    one = recipe(groups=(ContextGroup(),))
    assert one.differences(recipe(groups=(ContextGroup(version=7),))) == (
        "feature group context: version 1; found version 7",
    )
    assert "'rival': 50" in one.differences(recipe(groups=(ContextGroup(rival=50),)))[0]


def test_floors_within_a_factor_of_two_are_the_same() -> None:
    other = replace(recipe(), models=(BaseTrack("main"), BaseTrack("other", 0.002)))
    assert recipe().differences(other) == ()
    other = replace(recipe(), models=(BaseTrack("main", 0.001), *recipe().models[1:]))
    assert recipe().differences(other) == ("base model main: floor 0.0; found 0.001",)


def test_a_flank_shorter_than_the_windows_must_be_the_same() -> None:
    short = recipe(flank=100)
    assert short.differences(recipe(flank=5000)) == ("flank of 100 bases; found 5000",)
