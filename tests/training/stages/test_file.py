"""The file of stages: what it may say, and what a wrong one is told."""

from __future__ import annotations

from pathlib import Path

import pytest

from meta_models.errors import UsageError
from meta_models.training.stages.file import Span, Stage, read_stages


def written(folder: Path, text: str) -> Path:
    path = folder / "stages.yaml"
    path.write_text(text, encoding="utf-8")
    return path


def test_stages_are_read_in_their_order(tmp_path: Path) -> None:
    text = "- hardest: 0.2\n- {where: {chrom: [chr1, chr2], length: {at_least: 10}, level: 3}, others: 0.25}\n"
    first, second = read_stages(written(tmp_path, text))
    assert first == Stage(hardest=0.2)
    assert first.looks
    assert second.where == {"chrom": ("chr1", "chr2"), "length": Span(at_least=10), "level": (3,)}
    assert not second.looks
    assert second.text == "chrom chr1 or chr2 and length at least 10 and level 3; others count 0.25 times"


def test_a_stage_says_in_words_what_it_looks_at() -> None:
    stage = Stage(loss=Span(at_least=0.5), score=Span(at_least=0.01, at_most=0.9), hardest=0.125)
    assert stage.text == "loss at least 0.5 and score at least 0.01 and at most 0.9 and the 12.5 % of the largest loss"


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("- {hardest: 0}", "stage 1, hardest: Input should be greater than 0"),
        ("- {hardest: 1.5}", "stage 1, hardest: Input should be less than or equal to 1"),
        ("- {hardest: yes}", "stage 1, hardest: Input should be a valid number"),
        ("- {hardset: 0.2}", "stage 1, hardset: there is no such key .did you mean hardest"),
        ("- {hardest: 0.2}\n- {score: {at_leats: 0.1}}", "stage 2, score.at_leats: .*did you mean at_least"),
        ("- {where: {a: {at_lest: 3}}}", "stage 1, where.a.at_lest: .*did you mean at_least"),
        ("- {where: {a: {at_least: 3, at_most: 2}}}", "stage 1, where.a: at_least 3 is above at_most 2"),
        ("- {where: {a: null}}", "stage 1, where.a.0: a value must be text, a number, true or false, found 'None'"),
        ("- {where: {a: []}}", "stage 1, where.a: Tuple should have at least 1 item"),
        ("- {where: {a: 1}, others: 1}", "stage 1, others: Input should be less than 1"),
        ("- {loss: 2}", "stage 1, loss: give bounds, such as .at_least: 0.1., found .2."),
        ("- {others: 0.5}", "stage 1: give hardest, loss, score or where"),
        ("hardest: 0.2", "the file: Input should be a valid list"),
        ("[]", "needs 1 to 4 stages. .* has 0"),
        ("- {hardest: 0.2, hardest: 0.3}", "the key 'hardest' stands there twice"),
    ],
)
def test_a_wrong_file_is_refused_with_the_place(tmp_path: Path, text: str, words: str) -> None:
    with pytest.raises(UsageError, match=words):
        read_stages(written(tmp_path, text))


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"--stages needs a readable YAML file, found .*none\.yaml"):
        read_stages(tmp_path / "none.yaml")
