"""The nouns of a splice table: classes, column roles and feature groups. The one place that knows column names."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import IntEnum, StrEnum

GENE = "gene_id"
GENE_NAME = "gene_name"
TRANSCRIPT = "transcript_id"
FAMILY = "gene_family"
LABEL = "splice_type"
CHROM = "chrom"
POSITION = "position"
GENOMIC_POSITION = "genomic_position"
STRAND = "strand"
GENE_TYPE = "gene_type"
WEIGHT = "sampling_weight"
SEQUENCE = "sequence"


class SpliceClass(IntEnum):
    """The label encoding, everywhere: class ``k`` stands in column ``k`` of every probability array."""

    NEITHER = 0
    DONOR = 1
    ACCEPTOR = 2

    @property
    def label(self) -> str:
        """The name that stands in tables: ``"neither"``, ``"donor"`` or ``"acceptor"``."""
        return self.name.lower()


CLASSES: tuple[SpliceClass, ...] = tuple(SpliceClass)
CLASS_NAMES: tuple[str, ...] = tuple(c.label for c in SpliceClass)
#: The type of genes that code for a protein, as annotations call it.
CODING = "protein_coding"
#: In arrays of labels of all positions of a gene: whether the position is a site is not known; no row is made of it.
MASKED = 255
SITE_CLASSES: tuple[SpliceClass, ...] = (SpliceClass.DONOR, SpliceClass.ACCEPTOR)

#: Values of ``splice_type`` on disk and the class they mean. Null means neither, too.
LABEL_VALUES: dict[str, SpliceClass] = {
    "": SpliceClass.NEITHER,
    "0": SpliceClass.NEITHER,
    **{c.label: c for c in SpliceClass},
}

#: How programs write that there is no value, where they write text.
NULL_TEXTS: tuple[str, ...] = ("", "NA", "<NA>", "N/A", "n/a", "#N/A", "NaN", "nan", "null", "NULL", "None")

#: Known metadata: never features.
METADATA: frozenset[str] = frozenset(
    {
        GENE, FAMILY, LABEL, CHROM, POSITION, GENOMIC_POSITION, STRAND, GENE_TYPE, WEIGHT,
        GENE_NAME, TRANSCRIPT, "transcript_name", "chromosome", "seqname", "exon_id", "exon_number", "exon_rank",
        "start", "end", "gene_start", "gene_end", "transcript_start", "transcript_end", "tx_start", "tx_end",
        "site_start", "site_end", "window_start", "window_end", "absolute_position", "predicted_position",
        "true_position", "row_id", SEQUENCE,
        "pred_type", "pred_type_raw", "prediction_type", "error_type", "is_correct", "is_error", "is_false_positive",
        "is_false_negative", "predicted_splice_type", "label", "fold", "split",
    }
)  # fmt: skip

#: Metadata that is text, also where all of its values look like numbers.
TEXT: frozenset[str] = frozenset(
    {
        GENE, FAMILY, LABEL, CHROM, STRAND, GENE_TYPE, SEQUENCE,
        GENE_NAME, TRANSCRIPT, "transcript_name", "chromosome", "seqname", "exon_id",
    }
)  # fmt: skip

_BASE_SCORE = re.compile(r"(?:(?P<key>.+)_)?(?P<kind>donor|acceptor|neither)_score")
_KMER = re.compile(r"\d+mer_[ACGTN]+")
#: Names that programs give to the number of a row: pandas, polars, R and Spark, in that order.
_ROW_INDEX = re.compile(
    r"__index_level_\d+__|__null_dask_index__|Unnamed: \d+(?:\.\d+)?|index|level_\d+|row_nr|row_index|row_number"
    r"|rownames|row\.names|\.\.\.1|_c0",
    re.IGNORECASE,
)


class FeatureGroup(StrEnum):
    """What a feature is made from. Base, derived and context features come from base scores.

    Evidence is what a built table says is measured beside them: no name alone makes a column that.
    """

    BASE = "base"
    DERIVED = "probability-derived"
    CONTEXT = "context"
    KMER = "k-mer"
    GENOMIC = "genomic"
    EVIDENCE = "evidence"
    OTHER = "other"


#: Groups that are computed from base scores: they are meant to tell the label.
PROTECTED_GROUPS: frozenset[FeatureGroup] = frozenset({FeatureGroup.BASE, FeatureGroup.DERIVED, FeatureGroup.CONTEXT})

_PEAK_SUFFIXES = (
    "diff_m1", "diff_m2", "diff_p1", "diff_p2", "surge_ratio", "is_local_peak", "weighted_context", "peak_height_ratio",
    "second_derivative", "signal_strength", "context_diff_ratio",
)  # fmt: skip
_DERIVED: frozenset[str] = frozenset(
    {
        "relative_donor_probability", "splice_probability", "donor_acceptor_diff", "splice_neither_diff",
        "donor_acceptor_logodds", "splice_neither_logodds", "probability_entropy", "donor_acceptor_peak_ratio",
        "type_signal_difference", "score_difference_ratio", "signal_strength_ratio", "score",
        *(f"{kind}_{suffix}" for kind in ("donor", "acceptor") for suffix in _PEAK_SUFFIXES),
    }
)  # fmt: skip
_CONTEXT: frozenset[str] = frozenset(
    {
        "context_neighbor_mean", "context_asymmetry", "context_max",
        *(f"context_score_{side}{shift}" for side in "mp" for shift in range(1, 6)),
    }
)  # fmt: skip
_GENOMIC: frozenset[str] = frozenset(
    {
        "gene_length", "transcript_length", "tx_length", "distance_to_start", "distance_to_end", "gc_content",
        "sequence_complexity", "sequence_length", "n_splice_sites", "num_exons", "num_introns", "avg_exon_length",
        "avg_intron_length", "median_exon_length", "median_intron_length", "total_exon_length", "total_intron_length",
        "transcript_count", "num_overlaps", "has_tx_info",
    }
)  # fmt: skip

#: Columns of the feature groups that `build` makes, whose names hold their parameters.
_BUILT: tuple[tuple[re.Pattern[str], FeatureGroup], ...] = (
    (re.compile(r"(?:context|first_pass)_(?:donor|acceptor|exon|intron|short_intron)_\w+"), FeatureGroup.CONTEXT),
    (re.compile(r"first_pass_(?:donor|acceptor)"), FeatureGroup.DERIVED),
    (re.compile(r"models_(?:donor|acceptor)_(?:mean|min|max|sd)"), FeatureGroup.DERIVED),
    (
        re.compile(
            r"base_(?:0|[mp]\d+)|(?:gc|t)_(?:up|down|step)\d+|open_frame_(?:up|down)|(?:donor|acceptor)_dinucleotide"
            r"|pyrimidine_(?:share|run)|ag_distance|branch_point(?:_distance)?|motif_(?:donor|acceptor)"
        ),
        FeatureGroup.GENOMIC,
    ),
)


@dataclass(frozen=True)
class BaseModel:
    """The three score columns of one base model.

    Attributes
    ----------
    key : str
        Prefix of its columns; ``""`` for the main one (``donor_score``, ...).
    """

    key: str

    @property
    def name(self) -> str:
        """Key for people and tables: ``"main"`` for the main base model."""
        return self.key or "main"

    @property
    def columns(self) -> tuple[str, str, str]:
        """Score columns in the order of :class:`SpliceClass`."""
        prefix = f"{self.key}_" if self.key else ""
        neither, donor, acceptor = (f"{prefix}{name}_score" for name in CLASS_NAMES)
        return neither, donor, acceptor


MAIN_BASE = BaseModel("")
REQUIRED_COLUMNS: tuple[str, ...] = (GENE, LABEL, *MAIN_BASE.columns)


def base_models(columns: Iterable[str]) -> tuple[BaseModel, ...]:
    """The base models whose three score columns all stand among `columns`; the main one first, the others by key."""
    kinds: dict[str, set[str]] = {}
    for column in columns:
        if match := _BASE_SCORE.fullmatch(column):
            kinds.setdefault(match["key"] or "", set()).add(match["kind"])
    return tuple(BaseModel(key) for key in sorted(kinds) if len(kinds[key]) == len(CLASSES))


def is_kmer(column: str) -> bool:
    """Whether `column` counts a k-mer, ``<k>mer_<ACGTN...>``: where a file lacks it, the count is 0."""
    return _KMER.fullmatch(column) is not None


def is_row_index(column: str) -> bool:
    """Whether `column` is named as programs name the number of a row: that tells how a table was put together."""
    return _ROW_INDEX.fullmatch(column) is not None


def feature_group(column: str, bases: Sequence[BaseModel]) -> FeatureGroup:
    """The group of a feature column, by its name."""
    if any(column in base.columns for base in bases):
        return FeatureGroup.BASE
    if is_kmer(column):
        return FeatureGroup.KMER
    named = ((_DERIVED, FeatureGroup.DERIVED), (_CONTEXT, FeatureGroup.CONTEXT), (_GENOMIC, FeatureGroup.GENOMIC))
    known = next((group for names, group in named if column in names), None)
    built = (group for pattern, group in _BUILT if pattern.fullmatch(column))
    return known or next(built, FeatureGroup.OTHER)
