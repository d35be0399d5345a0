"""Files of nets: what was changed is refused, or is another net; nothing crashes."""

from __future__ import annotations

import json
import os
from dataclasses import replace

import numpy as np
import pytest
from simulated_genes import Genes

pytest.importorskip("torch", reason="needs the extra 'neural': PyTorch is absent")

import torch

from meta_models.errors import InputError
from meta_models.learners.neural.net.files import NET, WEIGHTS, net_files
from meta_models.learners.neural.net.network import GeneNet
from meta_models.learners.registry import LEARNERS
from meta_models.learners.seam import MalformedModel

pytestmark = pytest.mark.neural
OPTIONS = {
    "tcn": {"blocks": 2, "kernel": 3, "crop": 32},
    "gru": {"kernel": 3, "context": 4, "crop": 32},
    "lstm": {"kernel": 3, "context": 4, "crop": 32},
    "transformer": {"kernel": 3, "window": 4, "heads": 2, "layers": 1, "crop": 32},
}
INPUTS = 3
#: Mutants of each learner; by hand: MUTANTS=500 makes 2,000 of the four.
MUTANTS = int(os.environ.get("MUTANTS", "25"))


def files_of(name):
    torch.manual_seed(1)
    plan = LEARNERS[name].Config(channels=4, **OPTIONS[name]).architecture(("main",), ("conservation",))
    return net_files(GeneNet(plan))


def mutant(files, random):
    """A file with bytes changed, removed, doubled or added, or a number of the JSON or header changed."""
    name = str(random.choice([NET, WEIGHTS]))
    data = bytearray(files[name])
    place = int(random.integers(0, len(data) if name == NET or random.random() < 0.5 else 600))
    kind = random.integers(0, 6)
    if kind == 0:
        data[place] ^= 1 << int(random.integers(0, 8))
    elif kind == 1:
        del data[place:]
    elif kind == 2:
        del data[place : place + int(random.integers(1, 9))]
    elif kind == 3:
        data[place:place] = data[place : place + int(random.integers(1, 40))]
    elif kind == 4:
        data[place : place + 8] = random.bytes(8)
    else:
        digits = [number for number, byte in enumerate(data[:2000]) if chr(byte).isdigit()]
        data[int(random.choice(digits))] = ord(str(random.integers(0, 10)))
    return {**files, name: bytes(data)}


@pytest.mark.parametrize("name", list(OPTIONS))
def test_mutants_are_refused_or_score(name):
    files, random = files_of(name), np.random.default_rng(4)
    gene = Genes(number=1, models=("main",)).gene(0).tracks
    refused = 0
    for _ in range(MUTANTS):
        try:
            predictor = LEARNERS[name].restore(mutant(files, random), INPUTS, 3)
        except MalformedModel:
            refused += 1
            continue
        plenty = dict.fromkeys(predictor.base_models, gene.scores["main"])
        known = replace(gene, scores=plenty, evidence=dict.fromkeys(predictor.evidence, gene.evidence["conservation"]))
        try:
            scores = predictor.gene_scores(known)
        except InputError:  # weights so large that they overflow
            continue
        assert ((scores >= 0) & (scores <= 1)).all()
    assert refused > MUTANTS / 3


def told(files, **changes):
    return {**files, NET: json.dumps({**json.loads(files[NET]), **changes}).encode()}


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"channels": 400}, "numbers was expected"),
        ({"channels": 10**9}, "describes no net"),
        ({"layers": 12, "channels": 512, "kernel": 9}, "may have 16000000 weights"),
        ({"learner": "gru", "reach": 4, "front": 1}, "a tcn that gives back 3 columns"),
        ({"learner": "gru", "reach": 4}, "an earlier version stored without any must be trained again"),
        ({"learner": "mlp"}, "describes no net"),
        ({"ends": True}, "numbers was expected"),
        ({"code": "import os"}, "describes no net"),
        ({"format": 2}, "describes no net"),
        ({"layers": 1}, "numbers was expected"),
    ],
)
def test_another_net_than_that_of_the_weights_is_refused(changes, words):
    with pytest.raises(MalformedModel, match=words):
        LEARNERS["tcn"].restore(told(files_of("tcn"), **changes), INPUTS, 3)


def test_absent_and_additional_files_are_refused():
    files = files_of("tcn")
    for wrong in ({NET: files[NET]}, {**files, "code.py": b""}):
        with pytest.raises(MalformedModel, match="files must be"):
            LEARNERS["tcn"].restore(wrong, INPUTS, 3)
    with pytest.raises(MalformedModel, match="2 classes"):
        LEARNERS["tcn"].restore(files, INPUTS, 2)


@pytest.mark.parametrize(
    ("tensor", "value", "words"),
    [
        ("enter.weight", np.nan, "must be finite"),
        ("enter.weight", np.inf, "must be finite"),
        ("body.blocks.0.first_norm.variance", -1.0, "not be negative"),
        ("scale", 0.0, "positive"),
    ],
)
def test_tensors_that_no_net_has_are_refused(tensor, value, words):
    files = files_of("tcn")
    net = LEARNERS["tcn"].restore(files, INPUTS, 3).net
    net.state_dict()[tensor].flatten()[0] = value
    with pytest.raises(MalformedModel, match=words):
        LEARNERS["tcn"].restore(net_files(net), INPUTS, 3)


def test_tensors_of_another_type_or_name_are_refused():
    files = files_of("tcn")
    for old, new in ((b'"dtype":"F32"', b'"dtype":"I32"'), (b'"prior"', b'"pryor"')):
        assert old in files[WEIGHTS]
        with pytest.raises(MalformedModel, match=r"must be F32|those of the net"):
            LEARNERS["tcn"].restore({**files, WEIGHTS: files[WEIGHTS].replace(old, new, 1)}, INPUTS, 3)


def test_files_of_nets_of_genes_say_nothing_of_windows():
    assert "window" not in json.loads(files_of("tcn")[NET])
