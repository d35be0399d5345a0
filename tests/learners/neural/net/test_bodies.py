"""The four bodies: padding changes nothing, nor does what is farther than the margin."""

from __future__ import annotations

import pytest

pytest.importorskip("torch", reason="needs the extra 'neural': PyTorch is absent")

import torch

from meta_models.learners.neural.net.bodies import BODIES, MaskedNorm, _backwards, _BothWays, _LocalAttention
from meta_models.learners.neural.options import GruConfig, LstmConfig, TcnConfig, TransformerConfig

pytestmark = pytest.mark.neural
PLANS = {
    "tcn": TcnConfig(channels=8, blocks=3, kernel=5),
    "gru": GruConfig(channels=8, kernel=5, front=2),
    "lstm": LstmConfig(channels=8, kernel=5, layers=2),
    "transformer": TransformerConfig(channels=8, layers=2, window=6, kernel=5, heads=2, front=2),
}


def body(name):
    torch.manual_seed(3)
    made = BODIES[name](PLANS[name].architecture((), ()))
    for parameter in made.parameters():
        torch.nn.init.normal_(parameter, std=0.3)
    return made.eval()


def masked(x, length):
    mask = torch.zeros(len(x), 1, x.shape[2])
    mask[:, :, :length] = 1
    return x * mask, mask


@pytest.mark.parametrize("name", PLANS)
def test_padding_changes_nothing(name):
    net, x = body(name), torch.randn(2, 8, 40)
    with torch.inference_mode():
        padded, mask = masked(torch.cat([x, torch.randn(2, 8, 23)], 2), 40)
        found = net(padded, mask)
        alone = net(x, torch.ones(2, 1, 40))
    assert found.shape == (2, net.width, 63)
    torch.testing.assert_close(found[:, :, :40], alone, atol=1e-5, rtol=0)
    assert (found[:, :, 40:] == 0).all()


@pytest.mark.parametrize("name", ["tcn", "transformer"])
def test_the_margin_is_how_far_a_position_sees(name):
    net, margin = body(name).double(), PLANS[name].architecture((), ()).margin
    x, mask = torch.randn(1, 8, 101).double(), torch.ones(1, 1, 101).double()
    with torch.inference_mode():
        before = net(x, mask)[:, :, 50]
        for distance, same in ((margin, False), (margin + 1, True)):
            for place in (50 - distance, 50 + distance):
                moved = x.clone()
                moved[:, :, place] += 50 * torch.randn(1, 8)
                assert torch.allclose(net(moved, mask)[:, :, 50], before, atol=1e-13, rtol=0) == same


@pytest.mark.parametrize("kind", [torch.nn.GRU, torch.nn.LSTM])
def test_cells_that_read_both_ways_are_those_of_packed_sequences(kind):
    torch.manual_seed(2)
    both, other = _BothWays(kind, 3, 20), kind(3, 3, batch_first=True, bidirectional=True)
    with torch.no_grad():
        for way, suffix in ((both.ahead, ""), (both.back, "_reverse")):
            for name in ("weight_ih_l0", "weight_hh_l0", "bias_ih_l0", "bias_hh_l0"):
                getattr(other, name + suffix).copy_(getattr(way, name))
    x, lengths = torch.randn(3, 9, 3), torch.tensor([9, 4, 1])
    mask = (torch.arange(9) < lengths[:, None])[:, None].float()
    packed = torch.nn.utils.rnn.pack_padded_sequence(x, lengths, batch_first=True)
    expected, _ = torch.nn.utils.rnn.pad_packed_sequence(other(packed)[0], batch_first=True, total_length=9)
    found = both(x, _backwards(mask)) * mask.transpose(1, 2)
    torch.testing.assert_close(found, expected, atol=1e-6, rtol=0)


@pytest.mark.parametrize("kind", [torch.nn.GRU, torch.nn.LSTM])
def test_cells_begin_with_memories_of_the_length_asked_for(kind):
    torch.manual_seed(2)
    cells = _BothWays(kind, 64, 100).ahead
    with torch.no_grad():
        for name in ("weight_ih_l0", "weight_hh_l0"):
            getattr(cells, name).zero_()  # the gates are those of the biases alone
        for name in ("bias_ih_l0", "bias_hh_l0"):
            getattr(cells, name)[128:192] = 0  # and nothing new comes in
        first = torch.ones(1, 1, 64)
        state = (first * 0, first) if kind is torch.nn.LSTM else first
        left = cells(torch.zeros(1, 1, 64), state)[1]
    kept = (left[1] if kind is torch.nn.LSTM else left).flatten()
    memory = 1 / (1 - kept)  # a share of 1 - 1 / T is kept of what was T positions ago
    assert 1.99 < memory.min() < 12
    assert 88 < memory.max() < 100.01


def test_attention_begins_by_looking_back_and_ahead():
    biases = _LocalAttention(8, 4, 16).distance
    heads = biases.softmax(1) @ torch.arange(-16.0, 17.0)
    assert heads[0] < -1
    assert heads[2] < heads[0] - 2
    torch.testing.assert_close(heads[1::2], -heads[::2])


def test_norm_without_padding_is_batch_normalisation():
    x = torch.randn(4, 5, 30) * 3 + 1
    own, other = MaskedNorm(5), torch.nn.BatchNorm1d(5)
    torch.testing.assert_close(own(x, torch.ones(4, 1, 30)), other(x))
    torch.testing.assert_close(own.mean, other.running_mean)
    own.eval(), other.eval()
    other.running_var = own.variance  # PyTorch's is that of n - 1
    torch.testing.assert_close(own(x, torch.ones(4, 1, 30)), other(x))


def test_norm_does_not_see_padding():
    x = torch.randn(4, 5, 30)
    mask = torch.ones(4, 1, 30)
    mask[2:, :, 20:] = 0
    valid = x.transpose(1, 2)[mask[:, 0] > 0]
    expected = (valid - valid.mean(0)) / torch.sqrt(valid.var(0, unbiased=False) + 1e-5)
    found = MaskedNorm(5)(x, mask).transpose(1, 2)[mask[:, 0] > 0]
    torch.testing.assert_close(found, expected, atol=1e-5, rtol=1e-5)


def test_local_attention_is_attention_with_all_else_shut_out():
    torch.manual_seed(1)
    layer = _LocalAttention(8, 2, 6).eval()
    torch.nn.init.normal_(layer.distance)
    x, mask = torch.randn(2, 20, 8), torch.ones(2, 20)
    mask[1, 15:] = 0
    query, key, value = (part.reshape(2, 20, 2, 4).transpose(1, 2) for part in layer.project(x).chunk(3, -1))
    place = torch.arange(20)
    away = place[None] - place[:, None]
    score = query @ key.transpose(-1, -2) / 2 + layer.distance[:, (away + 6).clamp(0, 12)]
    score = score.masked_fill((away.abs() > 6) | (mask[:, None, None] == 0), -torch.inf)
    expected = layer.merge((score.softmax(-1) @ value).transpose(1, 2).reshape(2, 20, 8))
    with torch.inference_mode():
        torch.testing.assert_close(layer(x, mask)[mask > 0], expected[mask > 0], atol=1e-5, rtol=1e-4)
