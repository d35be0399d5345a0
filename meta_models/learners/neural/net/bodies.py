"""The four bodies: features of each position from those around it. Imported only where PyTorch is there.

All take and give (batch, channels, positions), zero where the mask is: what lies beyond a gene's end, or is padding, is
the same as what a convolution pads with. So a crop with its margins gives what the whole gene gives.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

from meta_models.learners.neural.architecture import Architecture

_MOMENTUM = 0.1
_EPSILON = 1e-5
_MASKED = -1e4
_WRONG_SIDE = -4.0


class MaskedNorm(nn.Module):
    """Batch normalisation whose statistics are those of the positions that the mask lets through.

    References
    ----------
    Ioffe and Szegedy 2015, "Batch normalization".
    """

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(channels))
        self.bias = nn.Parameter(torch.zeros(channels))
        self.register_buffer("mean", torch.zeros(channels))
        self.register_buffer("variance", torch.ones(channels))

    def forward(self, x: Tensor, mask: Tensor) -> Tensor:
        """Normalised `x`; what the mask hides is not zero."""
        mean, variance = self._measured(x, mask) if self.training else (self.mean, self.variance)
        scale = self.weight * torch.rsqrt(variance + _EPSILON)
        return x * scale[:, None] + (self.bias - mean * scale)[:, None]

    def _measured(self, x: Tensor, mask: Tensor) -> tuple[Tensor, Tensor]:
        count = mask.sum()
        mean = (x * mask).sum((0, 2)) / count
        variance = (((x - mean[:, None]) * mask) ** 2).sum((0, 2)) / count
        with torch.no_grad():
            self.mean.lerp_(mean.float(), _MOMENTUM)
            self.variance.lerp_(variance.float(), _MOMENTUM)
        return mean, variance


class _ConvBlock(nn.Module):
    """A pre-activation residual block: a dilated convolution, then one of width 1."""

    def __init__(self, channels: int, kernel: int, dilation: int, dropout: float) -> None:
        super().__init__()
        self.first_norm, self.second_norm = MaskedNorm(channels), MaskedNorm(channels)
        self.wide = nn.Conv1d(channels, channels, kernel, padding=dilation * (kernel // 2), dilation=dilation)
        self.narrow = nn.Conv1d(channels, channels, 1)
        self.dropout = nn.Dropout(dropout)

    def forward(self, x: Tensor, mask: Tensor) -> Tensor:
        inner = self.wide(functional.gelu(self.first_norm(x, mask)) * mask)
        inner = self.narrow(self.dropout(functional.gelu(self.second_norm(inner, mask))))
        return (x + inner) * mask


def _blocks(plan: Architecture, number: int) -> nn.ModuleList:
    return nn.ModuleList(_ConvBlock(plan.channels, plan.kernel, 2**depth, plan.dropout) for depth in range(number))


class ConvolutionalBody(nn.Module):
    """Residual blocks of dilation 1, 2, 4, ...

    References
    ----------
    Bai, Kolter and Koltun 2018, "An empirical evaluation of generic convolutional and recurrent networks for sequence
    modeling"; Jaganathan et al. 2019, SpliceAI, for residual dilated blocks on splice sites.
    """

    def __init__(self, plan: Architecture) -> None:
        super().__init__()
        self.width = plan.channels
        self.blocks = _blocks(plan, plan.layers)

    def forward(self, x: Tensor, mask: Tensor) -> Tensor:
        """(batch, channels, positions) to the same."""
        for block in self.blocks:
            x = block(x, mask)
        return x


class _Front(nn.Module):
    """Residual blocks, then normalised: cells and attention begin with motifs, whose filters learn in few steps."""

    def __init__(self, plan: Architecture) -> None:
        super().__init__()
        self.blocks = _blocks(plan, plan.front)
        self.norm = MaskedNorm(plan.channels)

    def forward(self, x: Tensor, mask: Tensor) -> Tensor:
        for block in self.blocks:
            x = block(x, mask)
        return self.norm(x, mask) * mask


class _BothWays(nn.Module):
    """A recurrent layer that reads from the first to the last position that the mask lets through, and back.

    Two layers of one direction each: on a CPU the gradients of packed GRUs take the square of the length.
    """

    def __init__(self, kind: type[nn.GRU | nn.LSTM], channels: int, memory: int) -> None:
        super().__init__()
        self.ahead = kind(channels, channels, batch_first=True)
        self.back = kind(channels, channels, batch_first=True)
        for cells in (self.ahead, self.back):
            _remember(cells, memory)

    def forward(self, x: Tensor, order: Tensor) -> Tensor:
        """(batch, positions, channels) to twice the channels; `order` (batch, positions) is the way back."""
        back = self.back(_in_order(x, order))[0]
        return torch.cat([self.ahead(x)[0], _in_order(back, order)], 2)


def _remember(cells: nn.GRU | nn.LSTM, memory: int) -> None:
    """Have cells begin with memories of 1 to `memory` positions; as PyTorch makes them they forget half at each.

    References
    ----------
    Tallec and Ollivier 2018, "Can recurrent neural networks warp time?": chrono initialisation.
    """
    size = cells.hidden_size
    keep = torch.empty(size).uniform_(1, max(memory - 1, 1)).log_()
    with torch.no_grad():
        cells.bias_hh_l0[size : 2 * size] = 0
        cells.bias_ih_l0[size : 2 * size] = keep  # of the forget gate of an LSTM, of the update gate of a GRU
        if isinstance(cells, nn.LSTM):
            cells.bias_hh_l0[:size] = 0
            cells.bias_ih_l0[:size] = -keep


def _in_order(x: Tensor, order: Tensor) -> Tensor:
    return x.gather(1, order[:, :, None].expand_as(x))


def _backwards(mask: Tensor) -> Tensor:
    """Places (batch, positions) from the last that `mask` lets through to the first, then those behind it."""
    positions = mask.shape[2]
    lengths = mask[:, 0].sum(1, keepdim=True).to(torch.int64)
    return (lengths - 1 - torch.arange(positions, device=mask.device)).remainder(positions)


class _RecurrentBlock(nn.Module):
    """A residual block like those of convolutions: cells that read both ways, normalised, then one of width 1."""

    def __init__(self, plan: Architecture) -> None:
        super().__init__()
        kind = nn.GRU if plan.learner == "gru" else nn.LSTM
        self.first_norm, self.second_norm = MaskedNorm(plan.channels), MaskedNorm(2 * plan.channels)
        self.cells = _BothWays(kind, plan.channels, plan.reach)
        self.narrow = nn.Conv1d(2 * plan.channels, plan.channels, 1)
        self.dropout = nn.Dropout(plan.dropout)

    def forward(self, x: Tensor, mask: Tensor, order: Tensor) -> Tensor:
        inner = self.cells((self.first_norm(x, mask) * mask).transpose(1, 2), order).transpose(1, 2)
        inner = self.narrow(self.dropout(functional.gelu(self.second_norm(inner, mask))))
        return (x + inner) * mask


class RecurrentBody(nn.Module):
    """Residual blocks of GRU or LSTM cells that read both ways from the ends of the crop's margins.

    References
    ----------
    Cho et al. 2014 (GRU); Hochreiter and Schmidhuber 1997 (LSTM).
    """

    def __init__(self, plan: Architecture) -> None:
        super().__init__()
        self.width = plan.channels
        self.front = _Front(plan)
        self.layers = nn.ModuleList(_RecurrentBlock(plan) for _ in range(plan.layers))

    def forward(self, x: Tensor, mask: Tensor) -> Tensor:
        """(batch, channels, positions) to the same."""
        x, order = self.front(x, mask), _backwards(mask)
        for layer in self.layers:
            x = layer(x, mask, order)
        return x


class _LocalAttention(nn.Module):
    """Each position attends to the `window` positions on either side, with a learned bias for each distance."""

    def __init__(self, channels: int, heads: int, window: int) -> None:
        super().__init__()
        self.heads, self.window = heads, window
        self.project = nn.Linear(channels, 3 * channels)
        self.merge = nn.Linear(channels, channels)
        self.distance = nn.Parameter(_first_biases(heads, window))

    def forward(self, x: Tensor, mask: Tensor) -> Tensor:
        """(batch, positions, channels) to the same; `mask` is (batch, positions)."""
        batch, length, channels = x.shape
        padded = functional.pad(x, (0, 0, 0, -length % self.window))
        query, key, value = self._split(self.project(padded)).unbind(0)
        seen = functional.pad(mask, (0, padded.shape[1] - length))
        score = (query * query.shape[-1] ** -0.5) @ self._around(key).transpose(-1, -2)
        score = score.add_(self._bias()).add_((1 - self._seen(seen)) * _MASKED)  # in place: the largest tensor there is
        mixed = (score.softmax(-1) @ self._around(value)).permute(0, 2, 3, 1, 4)
        return self.merge(mixed.reshape(batch, padded.shape[1], channels)[:, :length])

    def _split(self, projected: Tensor) -> Tensor:
        """(3, batch, heads, blocks, window, channels of a head)."""
        batch, length, _ = projected.shape
        blocks = length // self.window
        return projected.reshape(batch, blocks, self.window, 3, self.heads, -1).permute(3, 0, 4, 1, 2, 5)

    @staticmethod
    def _around(blocks: Tensor) -> Tensor:
        """Each block with the one before and the one after: (batch, heads, blocks, 3 window, channels of a head)."""
        padded = functional.pad(blocks, (0, 0, 0, 0, 1, 1))
        return torch.cat([padded[:, :, :-2], padded[:, :, 1:-1], padded[:, :, 2:]], 3)

    def _seen(self, mask: Tensor) -> Tensor:
        blocks = mask.reshape(len(mask), 1, -1, self.window, 1)
        return self._around(blocks).transpose(-1, -2)

    def _bias(self) -> Tensor:
        """(heads, 1, window, 3 window): the bias of each distance, and what is too far shut out."""
        window = self.window
        place = torch.arange(3 * window, device=self.distance.device)
        distance = place[None] - window - place[:window, None]
        bias = self.distance[:, (distance + window).clamp(0, 2 * window)]
        return bias.masked_fill(distance.abs() > window, _MASKED)[:, None]


def _first_biases(heads: int, window: int) -> Tensor:
    """Biases (heads, 2 window + 1) that training begins with: heads look back and ahead by turns, each pair farther.

    References
    ----------
    Press, Smith and Lewis 2022, "Train short, test long" (ALiBi), which has one side only and keeps them as they are.
    """
    away = torch.arange(-window, window + 1)
    pair = torch.arange(heads) // 2
    farthest = window / 2 * 4.0 ** (pair - pair.max())
    wrong = torch.stack([away > 0, away < 0])[torch.arange(heads) % 2]
    return -away.abs() / farthest[:, None] + _WRONG_SIDE * wrong


class _EncoderLayer(nn.Module):
    """Attention, then a small net for each position; both residual, both normalised before."""

    def __init__(self, plan: Architecture) -> None:
        super().__init__()
        self.first_norm, self.second_norm = nn.LayerNorm(plan.channels), nn.LayerNorm(plan.channels)
        self.attention = _LocalAttention(plan.channels, plan.heads, plan.reach)
        self.inner = nn.Sequential(
            nn.Linear(plan.channels, 2 * plan.channels), nn.GELU(), nn.Linear(2 * plan.channels, plan.channels)
        )
        self.dropout = nn.Dropout(plan.dropout)

    def forward(self, x: Tensor, mask: Tensor) -> Tensor:
        x = x + self.dropout(self.attention(self.first_norm(x), mask))
        return x + self.dropout(self.inner(self.second_norm(x)))


class TransformerBody(nn.Module):
    """Encoder layers of local attention.

    References
    ----------
    Vaswani et al. 2017; Beltagy, Peters and Cohan 2020, Longformer, for the sliding window.
    """

    def __init__(self, plan: Architecture) -> None:
        super().__init__()
        self.width = plan.channels
        self.front = _Front(plan)
        self.layers = nn.ModuleList(_EncoderLayer(plan) for _ in range(plan.layers))

    def forward(self, x: Tensor, mask: Tensor) -> Tensor:
        """(batch, channels, positions) to the same."""
        x = self.front(x, mask).transpose(1, 2)
        for layer in self.layers:
            x = layer(x, mask[:, 0])
        return x.transpose(1, 2) * mask


BODIES: dict[str, type[ConvolutionalBody | RecurrentBody | TransformerBody]] = {
    "tcn": ConvolutionalBody,
    "gru": RecurrentBody,
    "lstm": RecurrentBody,
    "transformer": TransformerBody,
}
