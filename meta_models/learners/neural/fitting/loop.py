"""The training loop: one for all bodies. Imported only where PyTorch is there."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from meta_models.errors import UnitsFailed
from meta_models.learners.neural.architecture import Architecture
from meta_models.learners.neural.inputs.batches import Batch, batch_of, hide_models
from meta_models.learners.neural.inputs.crops import Ints, chosen_crops, packed, shuffled_batches
from meta_models.learners.neural.inputs.sources import PieceSource
from meta_models.learners.neural.net.network import GeneNet
from meta_models.learners.neural.net.starting import started_net
from meta_models.learners.neural.options import NeuralConfig
from meta_models.learners.neural.serving.running import own_random_numbers, run_net, seed_torch
from meta_models.learners.seam.start import Start

#: The share of the steps in which the step size rises, and what it begins and ends with.
_RISE, _BEGIN, _END = 0.3, 1 / 25, 1e-4

#: Gradients longer than this are shortened to it.
_CLIP = 1.0

_ORDER, _DROPOUT, _WEIGHTS = 0, 1, 2


@dataclass(frozen=True)
class Task:
    """What a net is trained on.

    Attributes
    ----------
    pieces : PieceSource
        Crops of genes, or windows of rows.
    train, stop, watched : ndarray of bool (n_pieces,)
        Pieces trained on; pieces that decide when to stop, perhaps none; those whose loss is told where none decide.
    start : Start or None
        The net of another run that training goes on from.
    """

    pieces: PieceSource
    train: NDArray[np.bool_]
    stop: NDArray[np.bool_]
    watched: NDArray[np.bool_]
    config: NeuralConfig
    seed: int
    device: str
    start: Start | None = None

    @property
    def highest_rate(self) -> float:
        """The highest step size."""
        return self.config.learning_rate * (1 if self.start is None else self.config.further_rate)


@dataclass
class Course:
    """How far training has come, and all it goes on from.

    Attributes
    ----------
    epoch : int
        Epochs done.
    best : int
        The epoch after which the loss on the stop pieces was least; the last one where there are none.
    best_tensors : dict of str to Tensor
        What the net was then; empty where there are no stop pieces.
    train, held_out : list of float
        Log-loss a position in each epoch: while it was trained, and after it on the stop pieces, or on those watched.
    """

    net: GeneNet
    optimizer: torch.optim.AdamW
    epoch: int = 0
    best: int = 0
    best_tensors: dict[str, Tensor] = field(default_factory=dict)
    train: list[float] = field(default_factory=list)
    held_out: list[float] = field(default_factory=list)


def first_course(task: Task, plan: Architecture) -> Course:
    """A net with its first weights, standardised on what is trained on; or that of another run as it is."""
    with own_random_numbers(task.device):
        seed_torch(task.seed, _WEIGHTS)
        net = GeneNet(plan) if task.start is None else started_net(task.start, plan)
    if task.start is None:
        _standardise(net, task)
    return course_of(net.to(task.device), task.config)


def _standardise(net: GeneNet, task: Task) -> None:
    centre, scale = task.pieces.scale(task.train)
    shares = task.pieces.log_shares(task.train)
    for buffer, values in ((net.centre, centre), (net.scale, scale), (net.prior, shares)):
        buffer.copy_(torch.from_numpy(values))


def course_of(net: GeneNet, config: NeuralConfig) -> Course:
    """The beginning of a course with `net`."""
    optimizer = torch.optim.AdamW(
        net.parameters(), lr=config.learning_rate, weight_decay=config.weight_decay, foreach=False
    )
    return Course(net, optimizer)


def run(task: Task, course: Course, keep: Callable[[Course], None]) -> None:
    """Train to the end; the net is that of the best epoch then, on the CPU. `keep` sees the course after each epoch."""
    with own_random_numbers(task.device):
        while not finished(course, task.config):
            _train_epoch(task, course)
            _judge(task, course)
            keep(course)
    if course.best_tensors:
        course.net.load_state_dict(course.best_tensors)
    course.net.cpu().eval()


def finished(course: Course, config: NeuralConfig) -> bool:
    """Whether there is no epoch left, or the patience is at its end."""
    return course.epoch >= config.epochs or course.epoch - course.best >= config.patience


def step_size(done: float, highest: float) -> float:
    """The step size when a share `done` of all steps is done.

    References
    ----------
    Smith and Topin 2018, "Super-convergence", with two halves of a cosine.
    """
    if done < _RISE:
        return highest * (_BEGIN + (1 - _BEGIN) * _wave(done / _RISE))
    return highest * (_END + (1 - _END) * (1 - _wave((done - _RISE) / (1 - _RISE))))


def _wave(share: float) -> float:
    return (1 - math.cos(math.pi * share)) / 2


def _train_epoch(task: Task, course: Course) -> None:
    """All pieces with a site and some without, in batches drawn anew: the same ones whenever this epoch is run."""
    random = np.random.default_rng([task.seed, _ORDER, course.epoch])
    seed_torch(task.seed, _DROPOUT, course.epoch)
    numbers, counts = chosen_crops(task.pieces.sites, task.train, task.config.siteless_share, random)
    batches = shuffled_batches(task.pieces.spans[numbers], task.config.batch, random)
    counts = counts * task.pieces.counts(numbers)
    positions = task.pieces.total(task.train) / len(batches)
    course.net.train()
    loss, weight = 0.0, 0.0
    for step, batch in enumerate(batches):
        rate = step_size((course.epoch + step / len(batches)) / task.config.epochs, task.highest_rate)
        drawn = numbers[batch]
        read = _batch(task, drawn)
        hide_models(read, len(course.net.plan.base_models), task.config.unknown_models, random)
        found = _step(task, course, (drawn, read), counts[batch], rate, positions)
        loss, weight = loss + found[0], weight + found[1]
    course.epoch += 1
    course.train.append(_finite(loss / max(weight, 1.0), course.epoch))


def _batch(task: Task, numbers: Ints) -> Batch:
    return batch_of([task.pieces.piece(number) for number in numbers], ends=task.config.ends)


def _step(
    task: Task, course: Course, read: tuple[Ints, Batch], counts: NDArray[np.float32], rate: float, positions: float
) -> tuple[float, float]:
    """One step; the summed log-loss of its positions, and what they count."""
    for group in course.optimizer.param_groups:
        group["lr"] = rate
    losses, there = _losses(task, course.net, *read)
    weights = there * torch.from_numpy(counts).to(task.device)[:, None]
    course.optimizer.zero_grad()
    (_shaped(losses, task.config) * weights).sum().div(positions).backward()
    torch.nn.utils.clip_grad_norm_(course.net.parameters(), _CLIP, foreach=False)
    course.optimizer.step()
    return float((losses.detach() * weights).sum()), float(weights.sum())


def _losses(task: Task, net: GeneNet, numbers: Ints, batch: Batch) -> tuple[Tensor, Tensor]:
    """Log-loss (n, positions) of the pieces `numbers`, and 1 where there is a label, else 0."""
    targets = torch.from_numpy(task.pieces.targets(numbers, batch.codes.shape[1])).to(task.device)
    found = run_net(net, batch, task.device)
    return functional.nll_loss(found, targets, reduction="none", ignore_index=-1), (targets >= 0).float()


def _shaped(losses: Tensor, config: NeuralConfig) -> Tensor:
    """Log-losses, or focal losses (Lin et al. 2017)."""
    if config.loss == "cross-entropy":
        return losses
    return (1 - torch.exp(-losses)) ** config.focal_gamma * losses


def _judge(task: Task, course: Course) -> None:
    """The loss on the stop pieces, and whether it is the least so far; on those watched where none decide."""
    stops = bool(task.stop.any())
    numbers = np.flatnonzero(task.stop if stops else task.watched)
    if len(numbers):
        course.held_out.append(_finite(_held_out(task, course.net, numbers), course.epoch))
    if not stops:
        course.best = course.epoch
    elif course.held_out[-1] <= min(course.held_out):
        course.best = course.epoch
        course.best_tensors = {name: tensor.clone() for name, tensor in course.net.state_dict().items()}


def _held_out(task: Task, net: GeneNet, numbers: Ints) -> float:
    net.eval()
    loss, weight = 0.0, 0.0
    with torch.inference_mode():
        for batch in packed(task.pieces.spans[numbers], task.config.batch):
            losses, there = _losses(task, net, numbers[batch], _batch(task, numbers[batch]))
            there *= torch.from_numpy(task.pieces.counts(numbers[batch])).to(task.device)[:, None]
            loss, weight = loss + float((losses * there).sum()), weight + float(there.sum())
    return loss / max(weight, 1.0)


def _finite(loss: float, epoch: int) -> float:
    if not math.isfinite(loss):
        raise UnitsFailed(
            "The loss of a net must be finite",
            f"Found {loss} in epoch {epoch}",
            "Give a lower learning rate (--NAME.learning-rate)",
        )
    return loss
