"""What the configuration asks of each part of a build."""

from __future__ import annotations

from collections.abc import Iterator

from meta_models.build.blocks.sampling import SamplingOptions
from meta_models.build.config import DEFAULT, BuildConfig
from meta_models.build.labels.selection import GeneRules
from meta_models.build.labels.sites import LabelRules
from meta_models.errors import UsageError
from meta_models.features import DEFAULT_GROUPS, GROUPS


def gene_rules(config: BuildConfig) -> GeneRules:
    """Which genes and transcripts are taken."""
    return GeneRules(config.gene_types, config.transcripts)


def label_rules(config: BuildConfig) -> LabelRules:
    """How introns become labels."""
    return LabelRules(config.min_intron, config.other_sites, config.noncanonical)


def sampling_options(config: BuildConfig) -> SamplingOptions:
    """Which rows are drawn."""
    return SamplingOptions(config.rows, config.negatives_per_site, config.keep_above, config.all_positions, config.seed)


def feature_groups(config: BuildConfig) -> tuple[str, ...]:
    """Names of the feature groups, in the order of their columns.

    Raises
    ------
    UsageError
        If there is no such group.
    """
    if unknown := sorted(set(config.features) - {DEFAULT, *GROUPS}):
        known = ", ".join((DEFAULT, *GROUPS))
        raise UsageError(f"--features must name groups of {known}", f"Found {', '.join(unknown)}")
    wanted = set(_expanded(config.features))
    return tuple(name for name in GROUPS if name in wanted)


def _expanded(names: tuple[str, ...]) -> Iterator[str]:
    for name in names:
        yield from DEFAULT_GROUPS if name == DEFAULT else (name,)
