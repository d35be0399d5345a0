"""The net: inputs brought to one scale, a body, and one head for all classes. Imported only where PyTorch is there."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

from meta_models.learners.neural.architecture import Architecture
from meta_models.learners.neural.net.bodies import BODIES
from meta_models.learners.seam import CLIP
from meta_models.learners.seam.genes import N_CODE
from meta_models.schema import CLASSES, SpliceClass


class GeneNet(nn.Module):
    """Log-probabilities of the classes at each position.

    Attributes
    ----------
    centre, scale : Tensor of float32 (n_numbers,)
        Mean and standard deviation of the tracks of numbers over the training genes; what is missing is the mean.
    prior : Tensor of float32 (n_classes,)
        Logarithms of the classes' shares among the positions of the training genes.
    """

    def __init__(self, plan: Architecture) -> None:
        super().__init__()
        self.plan = plan
        self.register_buffer("centre", torch.zeros(plan.n_numbers))
        self.register_buffer("scale", torch.ones(plan.n_numbers))
        self.register_buffer("prior", torch.zeros(len(CLASSES)))
        self.enter = nn.Conv1d(plan.n_inputs, plan.channels, 1)
        self.body = BODIES[plan.learner](plan)
        self.head = nn.Conv1d(self.body.width, len(CLASSES), 1)
        models = len(plan.base_models)
        self.mix = nn.Parameter(torch.full((models,), 1 / max(models, 1)))
        nn.init.zeros_(self.head.weight)
        nn.init.zeros_(self.head.bias)

    @property
    def mixes(self) -> bool:
        """Whether base models are mixed in."""
        return self.plan.residual and bool(self.plan.base_models)

    @staticmethod
    def one_hot(codes: Tensor) -> Tensor:
        """(batch, positions) of codes to (batch, 4, positions); an unknown base is 0 everywhere."""
        return functional.one_hot(codes.long(), N_CODE + 1)[..., :N_CODE].transpose(1, 2).float()

    def forward(self, bases: Tensor, numbers: Tensor, ends: Tensor, lengths: Tensor) -> Tensor:
        """Log-probabilities (batch, n_classes, positions).

        Parameters
        ----------
        bases : Tensor of float32 (batch, 4, positions)
        numbers : Tensor of float32 (batch, n_numbers, positions)
            Log-odds of the base models and the evidence, NaN where missing.
        ends : Tensor of float32 (batch, 2 or 0, positions)
        lengths : Tensor of int64 (batch,)
            Positions of each that are no padding.
        """
        place = torch.arange(bases.shape[2], device=bases.device)
        mask = (place < lengths[:, None])[:, None].to(bases.dtype)
        scaled = ((numbers - self.centre[:, None]) / self.scale[:, None]).nan_to_num(0.0)
        x = self.enter(torch.cat([bases, scaled, ends], 1)) * mask
        logits = self.head(self.body(x, mask)).float() + self.baseline(numbers)
        return functional.log_softmax(logits, 1)

    def baseline(self, numbers: Tensor) -> Tensor:
        """What the net's output is added to: the mix of the base models, or the shares of the classes.

        In full precision also where a GPU trains: bfloat16 would round a log-probability of -14 to a sixteenth.
        """
        if not self.mixes:
            return self.prior[:, None]
        with torch.autocast(numbers.device.type, enabled=False):
            known = log_probabilities(numbers[:, : 2 * len(self.plan.base_models)])
            known = torch.where(known.isnan(), self.prior[:, None], known)
            return torch.einsum("bkcl,k->bcl", known, self.mix)


def log_probabilities(log_odds: Tensor) -> Tensor:
    """Log-odds (batch, 2 n_models, positions) of donor and acceptor to (batch, n_models, n_classes, positions)."""
    pairs = log_odds.unflatten(1, (-1, 2))
    neither = torch.log((1 - torch.sigmoid(pairs).sum(2)).clamp(min=CLIP))
    parts = {SpliceClass.NEITHER: neither}
    parts[SpliceClass.DONOR], parts[SpliceClass.ACCEPTOR] = functional.logsigmoid(pairs).unbind(2)
    return torch.stack([parts[kind] for kind in CLASSES], 2)
