"""Nets and options within bounds."""

from __future__ import annotations

import pytest
from pydantic import ValidationError

from meta_models.learners.neural.options import GruConfig, LstmConfig, TcnConfig, TransformerConfig


def test_margins_by_hand():
    assert TcnConfig().architecture((), ()).margin == 4 * (1 + 2 + 4 + 8 + 16 + 32)
    assert GruConfig(context=100, kernel=7, front=2).architecture((), ()).margin == 3 * (1 + 2) + 100
    assert TransformerConfig(layers=3, window=10, kernel=5, front=1).architecture((), ()).margin == 2 + 3 * 10


def test_inputs_by_hand():
    plan = LstmConfig(ends=True).architecture(("a", "b"), ("c",))
    assert (plan.n_numbers, plan.n_inputs) == (5, 4 + 5 + 2)


@pytest.mark.parametrize(
    ("config", "options", "words"),
    [
        (TcnConfig, {"kernel": 8}, "odd"),
        (TcnConfig, {"kernel": 63, "blocks": 10}, "on either side"),
        (TransformerConfig, {"heads": 5}, "heads must divide channels"),
        (GruConfig, {"blocks": 2}, "Extra inputs"),
        (TcnConfig, {"front": 2}, "Extra inputs"),
        (LstmConfig, {"front": 0}, "greater than or equal to 1"),
        (TcnConfig, {"siteless_share": 0}, "greater than 0"),
    ],
)
def test_what_makes_no_net_is_refused(config, options, words):
    with pytest.raises(ValidationError, match=words):
        config(**options)


def test_names_stand_once():
    with pytest.raises(ValidationError, match="names of their own"):
        TcnConfig().architecture(("a", "a"), ())


@pytest.mark.parametrize("config", [TcnConfig, GruConfig, LstmConfig, TransformerConfig])
def test_every_option_says_what_it_is(config):
    assert all(field.description for field in config.model_fields.values())
