"""The feature groups by name, in the order of their columns."""

from __future__ import annotations

from meta_models.features.group import Group
from meta_models.features.groups.annotation import AnnotationGroup
from meta_models.features.groups.context import ContextGroup
from meta_models.features.groups.evidence import EvidenceGroup
from meta_models.features.groups.kmer import KmerGroup
from meta_models.features.groups.models import ModelsGroup
from meta_models.features.groups.scores import ScoresGroup
from meta_models.features.groups.sequence import SequenceGroup

#: Every group, by its name in recipes and options.
GROUPS: dict[str, type[Group]] = {
    group.name: group
    for group in (
        ScoresGroup, ModelsGroup, ContextGroup, SequenceGroup, EvidenceGroup, AnnotationGroup, KmerGroup,
    )
}  # fmt: skip

#: What is made where nothing else is said. `annotation` needs annotated genes; `kmer` gains nothing beside `sequence`.
DEFAULT_GROUPS: tuple[str, ...] = ("scores", "models", "context", "sequence", "evidence")
