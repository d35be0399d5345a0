"""The net: inputs, head and what it begins with."""

from __future__ import annotations

import numpy as np
import pytest

pytest.importorskip("torch", reason="needs the extra 'neural': PyTorch is absent")

import torch

from meta_models.learners.neural.net.network import GeneNet, log_probabilities
from meta_models.learners.neural.options import GruConfig, LstmConfig, TcnConfig, TransformerConfig

pytestmark = pytest.mark.neural


def inputs(models, length=30):
    torch.manual_seed(0)
    numbers = torch.randn(2, 2 * models, length) - 5
    return torch.zeros(2, 4, length), numbers, torch.zeros(2, 0, length), torch.tensor([length, length - 9])


def test_log_probabilities_by_hand():
    odds = torch.tensor([np.log(0.2 / 0.8), np.log(0.3 / 0.7), 0.0, 0.0]).reshape(1, 4, 1)
    found = log_probabilities(odds.float())[0, :, :, 0].exp()
    torch.testing.assert_close(found[0], torch.tensor([0.5, 0.2, 0.3]))
    torch.testing.assert_close(found[1], torch.tensor([1e-7, 0.5, 0.5]))


def test_one_hot_by_hand():
    codes = torch.tensor([[0, 3, 4]], dtype=torch.uint8)
    assert GeneNet.one_hot(codes)[0].T.tolist() == [[1, 0, 0, 0], [0, 0, 0, 1], [0, 0, 0, 0]]


def test_a_net_begins_as_its_base_model():
    net = GeneNet(TcnConfig(channels=8, blocks=2).architecture(("main",), ())).eval()
    bases, numbers, ends, lengths = inputs(1)
    found = net(bases, numbers, ends, lengths).exp()
    torch.testing.assert_close(found[:, 1:], torch.sigmoid(numbers), atol=1e-5, rtol=1e-4)


def test_what_is_missing_is_the_shares_of_the_classes():
    net = GeneNet(TcnConfig(channels=8, blocks=2).architecture(("main",), ())).eval()
    net.prior.copy_(torch.log(torch.tensor([0.9, 0.06, 0.04])))
    bases, numbers, ends, lengths = inputs(1)
    found = net(bases, torch.full_like(numbers, torch.nan), ends, lengths).exp()
    torch.testing.assert_close(found[0, :, 3], torch.tensor([0.9, 0.06, 0.04]))


@pytest.mark.parametrize(("models", "residual"), [((), True), (("main",), False)])
def test_a_net_alone_begins_with_the_shares_of_the_classes(models, residual):
    net = GeneNet(TcnConfig(channels=8, blocks=2, residual=residual).architecture(models, ())).eval()
    net.prior.copy_(torch.log(torch.tensor([0.9, 0.06, 0.04])))
    found = net(*inputs(len(models))).exp()
    torch.testing.assert_close(found[1, :, 5], torch.tensor([0.9, 0.06, 0.04]))


@pytest.mark.parametrize("kind", [TcnConfig, GruConfig, LstmConfig, TransformerConfig])
def test_what_base_models_say_is_not_rounded_in_mixed_precision(kind):
    """On the processor's bfloat16, in place of a GPU's."""
    net = GeneNet(kind().architecture(("main", "other"), ())).train()
    bases, numbers, ends, lengths = inputs(2)
    with torch.autocast("cpu", torch.bfloat16):
        mixed = net(bases, numbers, ends, lengths)
    torch.testing.assert_close(mixed, torch.log_softmax(net.baseline(numbers), 1), rtol=0, atol=0)
    torch.nn.functional.nll_loss(mixed, torch.ones(2, 30, dtype=torch.int64)).backward()
    assert all(weight.grad.dtype == torch.float32 and weight.grad.isfinite().all() for weight in net.parameters())
    assert net.head.weight.grad.abs().max() > 0
