"""The narrow part of a table, held whole: gene, label, weight and base scores of each position; no other feature."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
import polars as pl
from numpy.typing import NDArray
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from meta_models.dataset.genes.groups import group_genes
from meta_models.dataset.genes.loci import merged, spans
from meta_models.dataset.plausibility.coordinates import (
    ignored_positions,
    negative_positions,
    require_whole,
    whole_columns,
)
from meta_models.dataset.plausibility.numbers_as_text import numbers_as_text
from meta_models.dataset.plausibility.percent import ends, percent_hint
from meta_models.dataset.plausibility.repeats import refuse_repeats
from meta_models.dataset.plausibility.scattered import scattered_genes
from meta_models.dataset.plausibility.score_order import doubtful_scores
from meta_models.dataset.reading.files import Kind
from meta_models.dataset.reading.reader import Dataset
from meta_models.errors import InputError
from meta_models.names import chromosome_keys, plain
from meta_models.schema import (
    CHROM,
    CLASSES,
    FAMILY,
    GENE,
    GENE_TYPE,
    LABEL,
    LABEL_VALUES,
    NULL_TEXTS,
    STRAND,
    WEIGHT,
    BaseModel,
    SpliceClass,
)
from meta_models.wording import counted

_SCAN_ROWS = 262_144
_TEXT = (GENE, FAMILY, CHROM, GENE_TYPE, STRAND)
_TOLERANCE = 1e-3
#: More positions than the genomes of all species of a table have: no row stands for as many.
MAX_WEIGHT = 1e12


@dataclass(frozen=True)
class Positions:
    """One row per position of a table, in its order.

    Attributes
    ----------
    frame : polars.DataFrame
        ``gene_id``, ``family`` (gene_family, or gene_id where it is empty), and where the table has them ``chrom``,
        ``gene_type``, ``strand`` (all Categorical), ``position``, ``genomic_position`` (Int64); ``label`` (UInt8,
        :class:`~meta_models.schema.SpliceClass`), ``weight`` (Float32), the scores of each base model (Float32, from 0
        to 1: what rounding put just outside is clipped).
    weighting : str
        Where ``weight`` comes from: ``"sampling_weight"``, ``"true_prevalence"`` or ``"none"`` (then it is 1).
    bases : tuple of BaseModel
        Base models with a score in every row.
    notes : tuple of str
        What a reader of the results should know.
    warnings : tuple of str
        What makes the table doubtful.
    joined : tuple of str
        How many families were joined into groups, and why; empty where none was.
    group_of : mapping of str to str
        Name of the group of each ``family`` that was joined with others, as
        :func:`~meta_models.dataset.genes.groups.group_genes` says.
    """

    frame: pl.DataFrame
    weighting: str
    bases: tuple[BaseModel, ...]
    notes: tuple[str, ...]
    warnings: tuple[str, ...] = ()
    joined: tuple[str, ...] = ()
    group_of: Mapping[str, str] = field(default_factory=dict)

    @property
    def labels(self) -> NDArray[np.uint8]:
        """Class of each row (n_rows,)."""
        return self.frame["label"].to_numpy()

    @property
    def weights(self) -> NDArray[np.float32]:
        """Weight of each row (n_rows,)."""
        return self.frame["weight"].to_numpy()

    def filter(self, rows: NDArray[np.bool_]) -> Positions:
        """The same for the `rows` (n_rows,) that are True."""
        return replace(self, frame=self.frame.filter(rows))

    def gene_order(self) -> NDArray[np.int64]:
        """Code of each row's gene (n_rows,), in the order in which genes first appear."""
        _, first, code = np.unique(self.codes(GENE), return_index=True, return_inverse=True)
        order = np.empty(len(first), np.int64)
        order[np.argsort(first)] = np.arange(len(first))
        return np.asarray(order[code], np.int64)

    def codes(self, column: str) -> NDArray[np.int64]:
        """Codes of a text column (n_rows,): equal text, equal code; codes follow the order of the text."""
        return codes(self.frame[column])

    def relatives(self) -> NDArray[np.int64]:
        """Code (n_rows,) of the set of genes and families that hang together: what may never straddle folds."""
        return _components(self.codes(GENE), codes(self.groups()))

    def groups(self) -> pl.Series:
        """Name (n_rows,) of the group of genes that each row is of: what is held out, screened and resampled as one."""
        families = self.frame["family"]
        if not self.group_of:
            return families
        return families.cast(pl.String).replace(self.group_of).cast(pl.Categorical)

    def relatives_by_chromosome(self) -> NDArray[np.int64]:
        """As `relatives`, with all genes of a chromosome together, however it is spelt."""
        return _components(self.relatives(), codes(chromosome_keys(self.frame[CHROM])))

    def families(self) -> set[str]:
        """Names of the families (of genes without one: their own) as the table gives them."""
        return set(self.frame["family"].unique().cast(pl.String).to_list())

    def loci(self) -> tuple[str, ...]:
        """Stretches of the genome that the genes are from, as `~meta_models.dataset.genes.loci.Locus` writes them."""
        return merged(spans(self.frame, pl.Series(self.codes(GENE))))


def codes(series: pl.Series) -> NDArray[np.int64]:
    """Codes (n,) of a text series in the order of its sorted values."""
    text = series.cast(pl.String)
    values = text.unique().sort()
    lookup = pl.DataFrame({"value": values, "code": np.arange(len(values))})
    joined = pl.DataFrame({"value": text}).join(lookup, on="value", how="left", maintain_order="left", nulls_equal=True)
    return joined["code"].to_numpy()


def _components(a: NDArray[np.int64], b: NDArray[np.int64]) -> NDArray[np.int64]:
    """Connected components (n,) of the rows, where rows with an equal `a` or an equal `b` hang together."""
    n_a, n_b = int(a.max()) + 1, int(b.max()) + 1
    pairs = np.unique(a * n_b + b)
    left, right = pairs // n_b, pairs % n_b + n_a
    graph = coo_array((np.ones(len(pairs), np.int8), (left, right)), shape=(n_a + n_b, n_a + n_b))
    _, component = connected_components(graph, directed=False)
    return np.asarray(component[a], np.int64)


def read_again(dataset: Dataset) -> Positions:
    """The narrow columns of a table that was read and checked before, without what was told of it (`warnings`) then.

    They are read twice on purpose: held from then on they would take 90 bytes a row through all of training.

    Raises
    ------
    InputError
        If a file was changed since the table was opened: what was checked is no longer what would be scored.
    """
    for file in dataset.files:
        file.require_unchanged()
    return _read(dataset)


def read_positions(dataset: Dataset) -> Positions:
    """Read the narrow columns of all rows in use and check them.

    Raises
    ------
    InputError
        For unknown labels, null gene ids, base scores that are no probabilities, unusable weights, positions twice.
    """
    require_whole(dataset)
    found = _read(dataset)
    scores = [column for base in found.bases for column in base.columns]
    doubtful = (
        *found.notes, *refuse_repeats(dataset, found.frame, scores), *doubtful_scores(found.frame, found.bases),
        *scattered_genes(found.frame), *ignored_positions(dataset), *negative_positions(found.frame),
        *numbers_as_text(dataset),
    )  # fmt: skip
    return replace(found, notes=(), warnings=doubtful)


def _read(dataset: Dataset) -> Positions:
    _check_kinds(dataset)
    text = [c for c in _TEXT if c in dataset.columns]
    whole = whole_columns(dataset)
    scores = [column for base in dataset.bases for column in base.columns]
    weight = [WEIGHT] if WEIGHT in dataset.columns else []
    expressions = [
        *(pl.col(c).cast(pl.String) for c in [*text, LABEL]),
        *(pl.col(c).cast(pl.Int64) for c in whole),
        *(pl.col(c).cast(pl.Float32) for c in [*scores, *weight]),
    ]
    frame = pl.concat([_compact(chunk, text) for chunk in dataset.iter_frames(expressions, _SCAN_ROWS)])
    _check_genes(frame, dataset)
    frame = frame.with_columns(_family(frame).alias("family"), _labels(frame[LABEL], dataset).alias("label"))
    bases, notes = _usable_bases(frame, dataset)
    scores = [column for base in bases for column in base.columns]
    frame = frame.with_columns(pl.col(scores).clip(0, 1))
    weights, weighting = _weights(frame, dataset)
    kept = ["gene_id", "family", *(c for c in text if c not in (GENE, FAMILY)), *whole, "label"]
    frame = frame.select(*kept, weights.alias("weight"), *scores)
    groups = group_genes(frame, scores)
    return Positions(frame, weighting, bases, notes, joined=groups.notes(), group_of=groups.of_family)


def _compact(chunk: pl.DataFrame, text: Sequence[str]) -> pl.DataFrame:
    return chunk.with_columns(pl.col([*text, LABEL]).cast(pl.Categorical))


def _check_kinds(dataset: Dataset) -> None:
    """Refuse types that polars would cast to something, but that mean something else (a struct, a date)."""
    for column in (c for c in (*_TEXT, LABEL, WEIGHT) if c in dataset.columns):
        numbers = column == WEIGHT
        if dataset.kind(column) is Kind.OTHER or (numbers and dataset.kind(column) is Kind.STRING):
            raise InputError(
                f"Column {column!r} of {dataset.source!r} must hold {'numbers' if numbers else 'text'}",
                f"Found the type {dataset.dtype(column)}",
                "Write it anew",
            )


def _check_genes(frame: pl.DataFrame, dataset: Dataset) -> None:
    missing = frame.select(_is_missing(GENE).sum()).item()
    if missing:
        raise InputError(
            f"Column {GENE!r} of {dataset.source!r} must be filled",
            f"Found {counted(missing, 'row')} without a gene (null, or a text such as 'nan')",
            "Name the gene of every row",
        )
    for column in (c for c in (GENE, FAMILY) if c in frame.columns):
        texts = frame[column].cast(pl.String).unique().drop_nulls().sort().to_list()
        twins = _look_alikes(texts)
        if twins:
            raise InputError(
                f"Values of {column!r} in {dataset.source!r} must differ by more than blanks and Unicode forms",
                f"Found {counted(len(twins), 'pair')} of them, such as {twins[0][0]!a} and {twins[0][1]!a}",
                "Write each in one way: they would be held out apart",
            )


def _is_missing(column: str) -> pl.Expr:
    """Whether a row of a text column says nothing: null, or how pandas and others write that as text."""
    text = pl.col(column).cast(pl.String)
    return text.is_null() | text.is_in(NULL_TEXTS)


def _look_alikes(texts: Sequence[str]) -> list[tuple[str, str]]:
    seen: dict[str, str] = {}
    return [(seen[form], text) for text in texts if seen.setdefault(form := plain(text), text) != text]


def _family(frame: pl.DataFrame) -> pl.Series:
    """The family of each row; families and genes live in one name space only where there is no family."""
    if FAMILY not in frame.columns:
        return frame[GENE]
    own = pl.concat_str(pl.lit("gene:"), pl.col(GENE).cast(pl.String))
    filled = pl.when(_is_missing(FAMILY)).then(own).otherwise(pl.col(FAMILY).cast(pl.String))
    return frame.select(filled.cast(pl.Categorical).alias("family"))["family"]


def _labels(labels: pl.Series, dataset: Dataset) -> pl.Series:
    counts = labels.cast(pl.String).fill_null("").value_counts().sort("count", LABEL, descending=[True, False])
    unknown = counts.filter(~pl.col(LABEL).is_in(list(LABEL_VALUES)))
    if unknown.height:
        shown = ", ".join(f"{value!r}: {counted(count, 'row')}" for value, count in unknown.head(20).iter_rows())
        raise InputError(
            f"Column {LABEL!r} of {dataset.source!r} must hold donor, acceptor, neither (also: null, '', '0')",
            f"Found {counted(unknown.height, 'unknown label')}: {shown}",
            "Rename them",
        )
    mapping = {value: int(cls) for value, cls in LABEL_VALUES.items()}
    text = labels.cast(pl.String).fill_null("")
    return text.replace_strict(mapping, return_dtype=pl.UInt8)


def _usable_bases(frame: pl.DataFrame, dataset: Dataset) -> tuple[tuple[BaseModel, ...], tuple[str, ...]]:
    """Base models with a probability in every row. The main one must be usable."""
    usable, notes = [], []
    for base in dataset.bases:
        fault = next((f for c in base.columns if (f := _score_fault(frame[c]))), None)
        if fault is None:
            usable.append(base)
        elif base.key == "":
            raise InputError(
                f"The base scores of {dataset.source!r} must be probabilities in every row", fault,
                percent_hint(*ends(frame.select(base.columns).to_numpy())) or "Correct the column",
            )  # fmt: skip
        else:
            notes.append(f"Base model {base.name!r} is no opponent: {fault}.")
    return tuple(usable), tuple(notes)


def _score_fault(scores: pl.Series) -> str | None:
    missing = scores.null_count() + int(scores.is_nan().sum())
    if missing:
        return f"column {scores.name!r} has {counted(missing, 'missing value')}"
    outside = int(((scores < -_TOLERANCE) | (scores > 1 + _TOLERANCE)).sum())
    return f"column {scores.name!r} has {counted(outside, 'value')} outside 0 to 1" if outside else None


def require_weights(weights: pl.Series, source: str) -> None:
    """See that every row of the table `source` has a weight.

    Raises
    ------
    InputError
        If one is missing, not finite or not above 0, or below 1 or enormous: then it is no 1 / probability.
    """
    bad = weights.null_count() + int((~weights.is_finite() | (weights <= 0)).sum())
    if bad:
        raise InputError(
            f"Column {WEIGHT!r} of {source!r} must be positive and finite in every row",
            f"Found {counted(bad, 'other value')}",
        )
    high = weights.filter(weights > MAX_WEIGHT)
    if len(high):
        raise InputError(
            f"Column {WEIGHT!r} of {source!r} must be 1 / probability of a row to be in it, at most {MAX_WEIGHT:g}",
            f"Found {counted(len(high), 'larger value')}, the largest {high.to_numpy().max():.3g}",
            "Correct them: a probability that is 0 by rounding gives such weights",
        )
    low = weights.filter(weights < 1 - _TOLERANCE)
    if len(low):
        raise InputError(
            f"Column {WEIGHT!r} of {source!r} must be at least 1: 1 / probability that the row is in the table",
            f"Found {counted(len(low), 'row')} below 1, the smallest {low.to_numpy().min():.3g}",
            "Give them as they were before they were scaled to a mean or a sum; where rows of some kind were all "
            "taken, that is divided by the smallest weight",
        )


def _weights(frame: pl.DataFrame, dataset: Dataset) -> tuple[pl.Series, str]:
    if WEIGHT in frame.columns:
        require_weights(frame[WEIGHT], dataset.source)
        return frame[WEIGHT], "sampling_weight"
    labels = frame["label"].to_numpy()
    prevalence = dataset.info.true_prevalence
    if prevalence is None:
        return pl.Series(np.ones(len(labels), np.float32)), "none"
    share = np.bincount(labels, minlength=len(CLASSES)) / len(labels)
    ratio = np.divide(prevalence, share, out=np.zeros(len(CLASSES)), where=share > 0)
    ratio /= ratio[SpliceClass.DONOR] or 1.0
    return pl.Series(ratio[labels].astype(np.float32)), "true_prevalence"


def choose_genes(positions: Positions, n_genes: int, seed: int) -> NDArray[np.bool_]:
    """Rows (n_rows,) of `n_genes` genes drawn by `seed`; all rows where there are no more genes than that.

    The draw depends on the sorted gene ids only, not on the order of the files.
    """
    genes = positions.codes(GENE)
    total = int(genes.max()) + 1
    drawn = np.random.default_rng(seed).permutation(total)[:n_genes]
    return np.isin(genes, drawn)
