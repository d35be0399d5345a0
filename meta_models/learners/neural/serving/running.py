"""How PyTorch runs here: one thread, its own random numbers, and tensors on a device. Only where PyTorch is there."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from meta_models.learners.neural.inputs.batches import Batch, Piece, batch_of
from meta_models.learners.neural.inputs.crops import packed
from meta_models.learners.neural.net.network import GeneNet


@contextmanager
def one_thread() -> Iterator[None]:
    """With more threads than one convolutions add in another order: other bytes."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)


@contextmanager
def own_random_numbers(device: str) -> Iterator[None]:
    """What is drawn inside changes nothing outside."""
    with torch.random.fork_rng(devices=[torch.cuda.current_device()] if device == "cuda" else []):
        yield


def seed_torch(*parts: int) -> None:
    """Seed PyTorch from several numbers."""
    torch.manual_seed(int(np.random.SeedSequence(parts).generate_state(1, np.uint64)[0] >> np.uint64(1)))


def run_net(net: GeneNet, batch: Batch, device: str) -> Tensor:
    """Log-probabilities (n, n_classes, positions) of a batch; in bfloat16 where a GPU trains."""
    codes = torch.from_numpy(batch.codes).to(device)
    numbers, ends = torch.from_numpy(batch.numbers).to(device), torch.from_numpy(batch.ends).to(device)
    lengths = torch.from_numpy(batch.lengths).to(device)
    mixed = device == "cuda" and net.training
    with torch.autocast("cuda", torch.bfloat16, enabled=mixed):
        found: Tensor = net(net.one_hot(codes), numbers, ends, lengths)
    return found


def class_scores(net: GeneNet, pieces: Sequence[Piece], room: int, device: str) -> Iterator[NDArray[np.float32]]:
    """Scores (core, n_classes) of each piece, in their order.

    Parameters
    ----------
    room : int
        Positions of a batch.
    """
    for numbers in packed(np.array([len(piece.codes) for piece in pieces], np.int64), room):
        batch = batch_of([pieces[number] for number in numbers], ends=net.plan.ends)
        with torch.inference_mode():
            found = run_net(net, batch, device).exp().transpose(1, 2).cpu().numpy()
        for row, core in enumerate(batch.cores):
            yield found[row, core]
