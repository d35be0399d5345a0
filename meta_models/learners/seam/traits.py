"""What is true of a learner, whatever its options."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True)
class Traits:
    """What is true of a learner.

    Attributes
    ----------
    targets : str
        ``each``: a job is one class against the rest; ``all``: a job is all classes at once.
    inputs : str
        ``rows`` of a table, or whole ``genes``.
    windows : bool
        Of a learner of genes: whether it reads, in their place, a window of the sequence around each row of a table.
    weights : bool
        Whether rows can be weighted; windows around rows can be, whatever it says.
    stages : bool
        Whether scores after fewer rounds are known, so that cross-validation can choose their number.
    stopping : bool
        Whether stop rows decide when to stop.
    checkpoints : bool
        Whether a fit hands out its state on the way, and can go on from it: `GenePrepared.fit`.
    constraints, features : bool
        Whether a job may name monotone constraints, or the features that may be used.
    on_disk : bool
        Whether the representation can be kept in a cache folder.
    shards : bool
        Whether its fits can go over shards of the rows that processes apart hold: `Learner.sharded`.
    streamed : bool
        Whether it sees the table block by block, holding one at a time: of rows, the strategy ``incremental``.
    starts : bool
        Whether fits can go on from the model of another run (`Start`).
    side_by_side : bool
        Whether jobs may run in forked processes over one representation: not where a fit reads the table, whose
        reader's threads do not live on in a forked process.
    devices : tuple of str
        Devices that it can be fitted on.
    extra : str or None
        The extra of the package that installs its library; None where the core has it.
    """

    targets: Literal["each", "all"]
    inputs: Literal["rows", "genes"] = "rows"
    windows: bool = False
    weights: bool = True
    stages: bool = False
    stopping: bool = False
    checkpoints: bool = False
    constraints: bool = False
    features: bool = False
    on_disk: bool = False
    shards: bool = False
    streamed: bool = False
    starts: bool = False
    side_by_side: bool = True
    devices: tuple[str, ...] = ("cpu",)
    extra: str | None = None
