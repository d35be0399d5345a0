"""About how long a fit takes on one core, by how often it goes over the values of a table."""

from __future__ import annotations

from dataclasses import dataclass

from meta_models.learners.seam import Shape


@dataclass(frozen=True)
class Pace:
    """What going over a table once takes. Machines, tables and neighbours differ: half of it, or twice, is no surprise.

    Attributes
    ----------
    of_pass : float
        Seconds, however small the table is.
    of_value : float
        Seconds for a value of a feature.
    """

    of_pass: float
    of_value: float

    def seconds(self, shape: Shape, passes: float) -> float:
        """Of so many passes over a table."""
        return passes * (self.of_pass + self.of_value * shape.rows * shape.features)
