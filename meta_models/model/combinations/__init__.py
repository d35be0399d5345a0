"""How the probabilities of several members become one: plain arrays, one file a kind. Fitted in ``training``."""

from meta_models.model.combinations.base import Combination
from meta_models.model.combinations.mean import Mean
from meta_models.model.combinations.per_bin import PerBin, bins_of
from meta_models.model.combinations.routed import Routed
from meta_models.model.combinations.stacking import Stacking, log_probabilities
from meta_models.model.combinations.voting import Voting
from meta_models.model.combinations.weighted import Weighted

#: Every kind of combination by the name that stands in the model file.
COMBINATIONS: dict[str, type[Mean] | type[Voting] | type[Weighted] | type[Stacking] | type[PerBin] | type[Routed]] = {
    c.kind: c for c in (Mean, Voting, Weighted, Stacking, PerBin, Routed)
}

__all__ = [
    "COMBINATIONS",
    "Combination",
    "Mean",
    "PerBin",
    "Routed",
    "Stacking",
    "Voting",
    "Weighted",
    "bins_of",
    "log_probabilities",
]
