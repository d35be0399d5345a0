"""The first pass of a model of two: its scores of a whole gene, and the columns that are computed from them.

The second pass sees around each position what the first one said of the others: the same windows, partners and
distances that are computed from base scores. They end with the gene, for beyond it lie other genes, which the models
that score this one out of fold may have been trained on.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property, lru_cache
from threading import Lock
from typing import TYPE_CHECKING
from weakref import WeakKeyDictionary

import numpy as np
from numpy.typing import NDArray

from meta_models.dataset.genes.columns import Gene
from meta_models.dataset.stretches import PACK_ROWS, Stretch, features_of, matrix_of, packs
from meta_models.features import GROUPS, N_CODE, BaseTrack, Piece, Recipe, column_names
from meta_models.features import packed_features as features_of_pieces
from meta_models.schema import SITE_CLASSES

if TYPE_CHECKING:
    from meta_models.model.base import FittedModel

Floats32 = NDArray[np.float32]

#: What all columns of the first pass begin with; alone, the key of its scores.
PREFIX = "first_pass"
#: Lower scores count as 0: what a model says of positions without any sign of a site is its own, and no other model's.
FLOOR = 1e-3
_CONTEXT = "context"
_OWN = (f"{PREFIX}_donor", f"{PREFIX}_acceptor")
_A, _C, _G, _T = range(N_CODE)


class FirstPass:
    """The first of two passes.

    Parameters
    ----------
    model : FittedModel
        Uncalibrated: what it says is not what is served.
    recipe : Recipe
        How its columns are computed.
    """

    def __init__(self, model: FittedModel, recipe: Recipe) -> None:
        self.model, self.recipe = model, recipe
        self._scores: WeakKeyDictionary[Gene, Floats32] = WeakKeyDictionary()
        self._lock = Lock()

    @cached_property
    def names(self) -> tuple[str, ...]:
        """Names of the columns that are computed from its scores."""
        return first_pass_names(self.recipe)

    def columns(self, pack: Sequence[Stretch]) -> Floats32:
        """The columns (C, n) of the positions of a pack, whose genes must be whole."""
        return first_pass_columns(pack, self._of_genes([stretch.gene for stretch in pack]), self.recipe)

    def _of_genes(self, genes: Sequence[Gene]) -> list[Floats32]:
        """Scores (n, 2) of each gene; those of a gene that takes several packs are computed once."""
        if all(len(gene) <= PACK_ROWS for gene in genes):
            return self._computed(genes)
        with self._lock:
            for gene in genes:
                if gene not in self._scores:
                    self._scores[gene] = self._computed([gene])[0]
            return [self._scores[gene] for gene in genes]

    def _computed(self, genes: Sequence[Gene]) -> list[Floats32]:
        return [scores[0] for scores in site_scores([self.model], genes, self.recipe)]


def first_pass_names(recipe: Recipe) -> tuple[str, ...]:
    """Names of the columns that a second pass over features of `recipe` has beside them."""
    return (*_OWN, *(name.replace(_CONTEXT, PREFIX, 1) for name in column_names(_context_recipe(recipe))))


def first_pass_columns(pack: Sequence[Stretch], scores: Sequence[Floats32], recipe: Recipe) -> Floats32:
    """The columns (C, n) of the positions of whole genes, computed from the `scores` (length, 2) of each gene."""
    own = _context_recipe(recipe)
    pieces = [_piece(stretch, of_gene) for stretch, of_gene in zip(pack, scores, strict=True)]
    here = np.concatenate([of_gene[stretch.rows] for stretch, of_gene in zip(pack, scores, strict=True)])
    return np.concatenate([_log_odds(here, own.models[0].lowest).T, features_of_pieces(pieces, own).values])


def site_scores(models: Sequence[FittedModel], genes: Sequence[Gene], recipe: Recipe) -> list[Floats32]:
    """Uncalibrated probabilities of donor and acceptor at each position of whole genes.

    Parameters
    ----------
    models : sequence of FittedModel, (M,)
        Of the same features, which `recipe` makes.

    Returns
    -------
    list of ndarray of float32, (M, length, 2)
        For each gene; 0 below `FLOOR`, and where no site can be: neither GT, GC or AT follows, nor AG or AC precedes.
        That is nearly three quarters of the positions, which need no features.
    """
    found = [np.zeros((len(models), len(gene), len(SITE_CLASSES)), np.float32) for gene in genes]
    of_gene = dict(zip(map(id, genes), found, strict=True))
    names = models[0].feature_names
    for pack in packs(Stretch(gene, np.flatnonzero(could_be_site(gene))) for gene in genes):
        matrix, first = matrix_of(features_of(pack, recipe), names), 0
        scores = np.stack([model.normalised(model.scores_of(matrix))[:, SITE_CLASSES] for model in models])
        scores[scores < FLOOR] = 0
        for stretch in pack:
            here = slice(first, first + len(stretch.rows))
            of_gene[id(stretch.gene)][:, stretch.rows] = scores[:, here]
            first = here.stop
    return found


def could_be_site(gene: Gene) -> NDArray[np.bool_]:
    """Whether an intron may begin or end beside each position, bool (length,): GT, GC, AT after, or AG, AC before."""
    codes = np.pad(gene.sequence, 2, constant_values=N_CODE)
    before2, before1, after1, after2 = (
        codes[gene.flank + 2 + shift : gene.flank + 2 + shift + len(gene)] for shift in (-2, -1, 1, 2)
    )
    donor = ((after1 == _G) & ((after2 == _T) | (after2 == _C))) | ((after1 == _A) & (after2 == _T))
    acceptor = (before2 == _A) & ((before1 == _G) | (before1 == _C))
    return np.asarray(donor | acceptor)


@lru_cache(maxsize=16)
def _context_recipe(recipe: Recipe) -> Recipe:
    """Context features, as those of the base scores where they are made, of one model's scores within the gene."""
    known = {group.name: group for group in recipe.groups}
    group = known.get(_CONTEXT) or GROUPS[_CONTEXT]()
    return Recipe((BaseTrack(PREFIX, floor=FLOOR),), groups=(group,), flank=0, context="gene")


def _piece(stretch: Stretch, scores: Floats32) -> Piece:
    gene = stretch.gene
    return Piece({PREFIX: scores}, gene.sequence[gene.flank : gene.flank + len(gene)], rows=stretch.rows)


def _log_odds(scores: Floats32, lowest: float) -> Floats32:
    bounded = np.clip(scores.astype(np.float64), lowest, 1 - lowest)
    return np.asarray(np.log(bounded / (1 - bounded)), np.float32)


#: How many they are with the default context.
FIRST_PASS_WIDTH = len(first_pass_names(Recipe((BaseTrack("main"),))))
