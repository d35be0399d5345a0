"""Memory of the learners of genes, predicted."""

from __future__ import annotations

import math

from meta_models.dataset.reading.chunks import BASES_BYTES, SCAN_BYTES, reading_bytes
from meta_models.learners.neural.inputs.batches import PADDED_TO
from meta_models.learners.neural.inputs.crops import TILE
from meta_models.learners.neural.inputs.gene_cache import NUMBER_BYTES, POSITION_BYTES
from meta_models.learners.neural.options import NeuralConfig
from meta_models.learners.seam import Footprint, Resources, Shape
from meta_models.schema import CLASSES

#: PyTorch itself, with its kernels for the shapes of batches that there are: beside training, and beside scoring, whose
#: tiles are longer.
_TRAINER, _SCORER = 460_000_000, 600_000_000

#: The longest human gene has 2.3 million positions.
LONGEST_GENE = 2_500_000

#: Of a crop: its place in the gene, with and without margins, and whether it has sites.
_CROP_BYTES = 5 * 8 + 1

#: Of a row: its label in the genes, and the order of rows by gene.
_ROW_BYTES = 9

#: Of a row with a window: its span, whether it is a site, its label and weight as training sees them, and scores.
_WINDOW_ROW_BYTES = 32

#: Of a column at each position of a batch: in two bytes, in four, scaled, and beside the bases.
_WIDE_BYTES = 2 + 3 * 4

#: Float32 values that attention has of each pair of positions that attend, for each head.
_PAIR_VALUES = 3

#: Float32 values of each channel at each position that a backward pass needs: of a block or layer, and of the rest.
_LAYER_VALUES, _OTHER_VALUES = 16, 12


#: Weights (as `_weights` bounds them) times positions that a core trains in a second. From 79, 240, 77 and 196 s on 600
#: genes of *C. elegans*, scoring of 300 included; on 62 human genes of 25 times the length, with one site in 1,400
#: positions, that predicts 0.8 to 1.4 times what was measured (164, 386, 178 and 444 s).
_WEIGHTS_A_SECOND = {"tcn": 16e9, "gru": 1.35e9, "lstm": 3.1e9, "transformer": 2.0e9}

#: CUDA's context and the kernels of PyTorch.
_DEVICE_PROCESS = 1_500_000_000

#: Values of each channel at each position of a tile that scoring holds at once.
_SCORING_VALUES = 8

#: While a net is trained there are the weights, their gradients, two moments, and the weights of the best epoch.
_TRAINED_COPIES = 5


def net_footprint(shape: Shape, config: NeuralConfig, resources: Resources) -> Footprint:
    """The cache; one gene beside it while it is made; a batch with all that its gradients need."""
    if shape.window:
        return _window_footprint(shape, config, resources)
    tracks = POSITION_BYTES + NUMBER_BYTES * shape.features
    cache = _kept(shape, config) * tracks
    held = shape.positions // config.crop * _CROP_BYTES + shape.rows * _ROW_BYTES + (0 if resources.cache else cache)
    gene = min(shape.positions, LONGEST_GENE) * (tracks + 4 * shape.features)
    scores = len(CLASSES) * 4 * shape.rows
    return Footprint(
        held=held,
        building=held + gene,
        job=_TRAINER + _activations(config, config.batch) + _TRAINED_COPIES * _weights(config) + 2 * scores,
        predictor=_SCORER + _weights(config) + _scoring(config),
        disk=cache if resources.cache else 0,
    )


def _window_footprint(shape: Shape, config: NeuralConfig, resources: Resources) -> Footprint:
    """The cache; what is read beside it while it is made; a batch in which each column is as long as a window.

    A predictor is explained, too: with the gradients of a tile.
    """
    span = 2 * config.architecture((), ()).of_windows(shape.window).margin + 1
    cache = shape.rows * (span + NUMBER_BYTES * shape.features)
    held = shape.rows * _WINDOW_ROW_BYTES + (0 if resources.cache else cache)
    scan = min(shape.rows, SCAN_BYTES // (BASES_BYTES + 4 * shape.features)) * 2 * shape.window
    tile = max(TILE, span)
    wide = max(tile, config.batch) * shape.features * _WIDE_BYTES
    scoring = max(4 * tile * config.channels * _SCORING_VALUES, _activations(config, tile))
    return Footprint(
        held=held,
        building=held + int(reading_bytes(shape.rows, shape.features + shape.window) + scan),
        job=_TRAINER + _activations(config, max(config.batch, span)) + _TRAINED_COPIES * _weights(config, shape) + wide
        + 2 * len(CLASSES) * 4 * shape.rows,
        predictor=_SCORER + _weights(config, shape) + scoring + wide,
        disk=cache if resources.cache else 0,
    )  # fmt: skip


def _kept(shape: Shape, config: NeuralConfig) -> int:
    """Positions in the cache: flanks are cut to what the net looks at."""
    margins = 2 * config.architecture((), ()).margin * shape.genes
    return min(shape.positions, shape.inner + margins) if shape.genes else shape.positions


def fit_seconds(shape: Shape, config: NeuralConfig) -> float:
    """Seconds of one core, about."""
    plan = config.architecture((), ())
    if shape.window:
        span = -(-(2 * plan.of_windows(shape.window).margin + 1) // PADDED_TO) * PADDED_TO
        read = (shape.sites + config.siteless_share * (shape.rows - shape.sites)) * span
        return config.epochs * read * _weights(config, shape) / 4 / _WEIGHTS_A_SECOND[plan.learner]
    read = shape.inner + 2 * plan.margin * (shape.genes + shape.inner / plan.crop)
    read *= _crops_of_an_epoch(shape, config, plan.crop)
    return config.epochs * read * _weights(config) / 4 / _WEIGHTS_A_SECOND[plan.learner]


def _crops_of_an_epoch(shape: Shape, config: NeuralConfig, crop: int) -> float:
    """Share of all crops, about: those with a site, and some others. Exons bring sites in pairs, side by side."""
    crops = max(shape.inner / crop + shape.genes / 2, 1)
    with_sites = -math.expm1(-shape.sites / 2 / crops)
    return with_sites + config.siteless_share * (1 - with_sites)


def device_bytes(config: NeuralConfig) -> int:
    """Predicted peak of a GPU's memory: it sees one batch at a time."""
    return _DEVICE_PROCESS + _activations(config, config.batch) + _TRAINED_COPIES * _weights(config)


def _activations(config: NeuralConfig, positions: int) -> int:
    """Bytes of a batch of so many positions. Attention needs some values of each pair of positions that attend."""
    plan = config.architecture((), ())
    values = plan.channels * ((plan.front + plan.layers) * _LAYER_VALUES + _OTHER_VALUES)
    pairs = 4 * _PAIR_VALUES * plan.reach * plan.heads * plan.layers
    return 4 * positions * (values + pairs)


def _scoring(config: NeuralConfig) -> int:
    """Bytes of a tile: no more than what one layer needs is held."""
    plan = config.architecture((), ())
    return 4 * TILE * (config.channels * _SCORING_VALUES + _PAIR_VALUES * plan.reach * plan.heads)


def _weights(config: NeuralConfig, shape: Shape | None = None) -> int:
    """Bytes of the weights, at most: a layer of LSTM cells has 24 squares of the channels, which is the most.

    With a `shape`, those that read its columns, too: rows may have hundreds.
    """
    plan, columns = config.architecture((), ()), 0 if shape is None else shape.features
    layers = plan.channels * (plan.kernel * (plan.front + plan.layers + 1) + 24 * plan.layers)
    return 4 * plan.channels * (layers + columns)
