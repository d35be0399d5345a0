"""The learners of genes: ``tcn``, ``gru``, ``lstm`` and ``transformer``. PyTorch is imported when one is used."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any, ClassVar

from meta_models.dataset.windows import needs_genes
from meta_models.learners.neural.footprint import device_bytes, fit_seconds, net_footprint
from meta_models.learners.neural.inputs.gene_cache import cached
from meta_models.learners.neural.inputs.window_cache import cached_windows
from meta_models.learners.neural.library import library_versions, require_libraries
from meta_models.learners.neural.options import GruConfig, LstmConfig, NeuralConfig, TcnConfig, TransformerConfig
from meta_models.learners.seam import Footprint, Learner, Predictor, Prepared, Resources, Shape, TrainingRows, Traits
from meta_models.learners.seam.inputs import TrainingInputs
from meta_models.learners.seam.start import Start
from meta_models.learners.seam.windows import TrainingWindows


class NeuralLearner(Learner):
    """What all learners of genes have in common: everything but the body of the net.

    The ``features`` of a `Shape` are the tracks of numbers (a base model has two, evidence one), and its ``positions``
    have the flanks in them. Where there are no stop rows, ``held_out`` of a fit's curves is the loss on some crops of
    the genes that it scores, or absent where there are none.
    """

    Config: ClassVar[type[NeuralConfig]]
    traits: ClassVar[Traits] = Traits(
        targets="all", inputs="genes", windows=True, weights=False, stopping=True, checkpoints=True, on_disk=True,
        streamed=True, starts=True, devices=("cpu", "cuda"), extra="neural",
    )  # fmt: skip

    def footprint(self, shape: Shape, config: Any, resources: Resources) -> Footprint:
        """The cache of the genes, and a batch."""
        return net_footprint(shape, config, resources)

    @contextmanager
    def prepare(self, rows: TrainingInputs, config: Any, resources: Resources) -> Iterator[Prepared]:
        """All genes, or all windows, in two bytes a value, in memory or in the cache folder.

        Raises
        ------
        UsageError
            If `rows` are rows of a table without windows, or an extra is absent.
        """
        if isinstance(rows, TrainingRows):
            raise needs_genes(self.name, rows.table.source)
        require_libraries()
        plan = config.architecture(rows.base_models, rows.evidence)
        if isinstance(rows, TrainingWindows):
            from meta_models.learners.neural.fitting.window_prepared import WindowsPrepared

            with cached_windows(rows, plan.of_windows(rows.window).margin, resources.cache) as windows:
                yield WindowsPrepared(rows, windows, config, resources.device)
            return
        from meta_models.learners.neural.fitting.prepared import NetPrepared

        with cached(rows, config.crop, plan.margin, resources.cache) as cache:
            yield NetPrepared(rows, cache, config, resources.device)

    def restore(self, files: Mapping[str, bytes], n_inputs: int, n_targets: int) -> Predictor:
        """The net, for the CPU; `n_inputs` are the columns of its own scores, one a class."""
        require_libraries()
        from meta_models.learners.neural.net.files import restore_net
        from meta_models.learners.neural.serving.predictor import NetPredictor

        return NetPredictor(restore_net(files, self.name, n_inputs, n_targets))

    def require_library(self) -> None:
        """Raise UsageError where PyTorch or safetensors is absent."""
        require_libraries()

    def versions(self) -> Mapping[str, str]:
        """Of torch and safetensors."""
        return library_versions()

    def gpu_obstacle(self) -> str:
        """No PyTorch, or one that sees no GPU."""
        if not library_versions():
            return "PyTorch is not installed"
        import torch

        return "" if torch.cuda.is_available() else "this PyTorch sees no GPU"

    def not_of_windows(self, config: Any) -> str:
        """Distances to the ends of genes."""
        return f"--{self.name}.ends" if config.ends else ""

    def start_differences(self, start: Start, config: Any) -> tuple[str, ...]:
        """Of the architectures, where weights or scores depend on them."""
        require_libraries()
        from meta_models.learners.neural.net.starting import architecture_differences

        return architecture_differences(start, config)

    def going_on(self, config: Any) -> str:
        """At which rate."""
        return f", at {config.further_rate:g} times its learning rate"

    def cpu_seconds(self, shape: Shape, config: Any) -> float | None:
        """From the positions that are read and the weights of the net."""
        return fit_seconds(shape, config)

    def device_bytes(self, shape: Shape, config: Any) -> int:
        """Of a batch and the net: it does not grow with the genes."""
        del shape
        return device_bytes(config)

    def cheaper(self, config: Any, rounds: int) -> Any:
        """With at most `rounds` epochs."""
        return config.model_copy(update={"epochs": min(config.epochs, rounds)})

    def rounds(self, config: Any) -> int:
        """Epochs."""
        return int(config.epochs)


class Tcn(NeuralLearner):
    """Dilated convolutions."""

    name = "tcn"
    title = "Convolutional net over genes"
    Config = TcnConfig


class Gru(NeuralLearner):
    """Gated recurrent units, both ways."""

    name = "gru"
    title = "GRU over genes"
    Config = GruConfig


class Lstm(NeuralLearner):
    """Long short-term memory, both ways."""

    name = "lstm"
    title = "LSTM over genes"
    Config = LstmConfig


class Transformer(NeuralLearner):
    """Transformer encoder with local attention."""

    name = "transformer"
    title = "Transformer over genes"
    Config = TransformerConfig
