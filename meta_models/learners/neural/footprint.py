"""Memory of the learners of genes, predicted."""

from __future__ import annotations

from meta_models.learners.neural.gene_cache import NUMBER_BYTES, POSITION_BYTES
from meta_models.learners.neural.options import NeuralConfig
from meta_models.learners.seam import Footprint, Resources, Shape

#: PyTorch itself, with its kernels for the shapes of batches that there are.
LIBRARY = 450_000_000

#: The longest human gene has 2.3 million positions.
LONGEST_GENE = 2_500_000

#: Of a crop: its place in the gene, with and without margins, and whether it has sites.
_CROP_BYTES = 5 * 8 + 1

#: Of a row: its label in the genes, and the order of rows by gene.
_ROW_BYTES = 9

#: Float32 values of each channel at each position that a backward pass needs: of a block or layer, and of the rest.
_LAYER_VALUES, _OTHER_VALUES = 16, 12


def net_footprint(shape: Shape, config: NeuralConfig, resources: Resources) -> Footprint:
    """The cache; one gene beside it while it is made; a batch with all that its gradients need."""
    tracks = POSITION_BYTES + NUMBER_BYTES * shape.features
    cache = shape.positions * tracks
    tables = shape.positions // config.crop * _CROP_BYTES + shape.rows * _ROW_BYTES
    held = tables + (0 if resources.cache else cache)
    gene = min(shape.positions, LONGEST_GENE) * (tracks + 4 * shape.features)
    scores = 3 * 4 * shape.rows
    return Footprint(held, held + gene, LIBRARY + _activations(config) + 2 * scores, cache if resources.cache else 0)


def _activations(config: NeuralConfig) -> int:
    """Bytes of a batch. Attention needs some values of each pair of positions that attend."""
    plan = config.architecture((), ())
    values = plan.channels * (plan.layers * _LAYER_VALUES + _OTHER_VALUES)
    pairs = 4 * 3 * plan.reach * plan.heads * plan.layers
    return 4 * config.batch * (values + pairs)
