"""Averaged stochastic gradient descent on bins, for several jobs at once: one block of rows in memory, several passes.

All that is kept from block to block are the coefficients of each job.
"""

from __future__ import annotations

import io
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from meta_models.learners.classical.sgd.options import StochasticGradientDescentConfig, rows_of_block
from meta_models.learners.classical.sgd.predictor import BinPredictor
from meta_models.learners.jobs import balanced, rows_trained_on
from meta_models.learners.seam import FitJob, Fitted, Prepared, TrainingRows
from meta_models.learners.seam.course import Course
from meta_models.learners.trees.bins import Bins, Codes, make_bins

#: Fills up the edges of features that have fewer: no value is above it.
_NO_EDGE = np.finfo(np.float32).max
_MOST_LOG_ODDS = 14.0
_STATE = "state.npz"


def prepared_blocks(rows: TrainingRows, config: StochasticGradientDescentConfig) -> Prepared:
    """Rows that are read block by block when a job needs them; their bins come from the sample of `rows`."""
    return _PreparedBlocks(rows, make_bins(rows.sample, config.bins), config)


@dataclass(frozen=True)
class _PreparedBlocks(Prepared):
    rows: TrainingRows
    bins: Bins
    config: StochasticGradientDescentConfig

    def fit(
        self, job: FitJob, labels: NDArray[np.integer], weights: NDArray[np.float32] | None, *, threads: int  # noqa: ARG002
    ) -> Fitted:  # fmt: skip
        """A course of one job."""
        course = self.course([job], labels, weights)
        while course.done < course.passes:
            course.go_over()
        return course.fitted()[0]

    def course(
        self, jobs: Sequence[FitJob], labels: NDArray[np.integer], weights: NDArray[np.float32] | None
    ) -> Course:
        """Each class of each job is a model of its own."""
        return _Descents(self, jobs, labels, weights)

    @property
    def edges(self) -> NDArray[np.float32]:
        """Edges of all features, filled up to the same number."""
        edges = np.full((len(self.bins.edges), self.config.bins - 1), _NO_EDGE, np.float32)
        for feature, found in enumerate(self.bins.edges):
            edges[feature, : len(found)] = found
        return edges


class _Descents(Course):
    """Each block is read and binned once for all jobs."""

    def __init__(
        self, prepared: _PreparedBlocks, jobs: Sequence[FitJob], labels: NDArray[np.integer],
        weights: NDArray[np.float32] | None,
    ) -> None:  # fmt: skip
        self._prepared, self._jobs = prepared, jobs
        self._descents = [_Descent(prepared, job, labels, weights) for job in jobs]
        self.passes, self.done = prepared.config.passes, 0

    def go_over(self) -> None:
        first = 0
        for number, codes in enumerate(self._blocks()):
            seed = np.random.SeedSequence([self._prepared.rows.seed, self.done, number]).generate_state(1)[0]
            for descent in self._descents:
                descent.step(codes, first, int(seed))
            first += len(codes)
        self.done += 1

    def state(self) -> dict[str, bytes]:
        buffer = io.BytesIO()
        arrays: dict[str, Any] = {"done": np.array(self.done)}
        for number, descent in enumerate(self._descents):
            arrays |= {f"{number}.{name}": array for name, array in descent.state().items()}
        np.savez(buffer, allow_pickle=False, **arrays)
        return {_STATE: buffer.getvalue()}

    def restore(self, state: Mapping[str, bytes]) -> None:
        """Go on from `state`."""
        with np.load(io.BytesIO(state[_STATE]), allow_pickle=False) as arrays:
            self.done = int(arrays["done"])
            for number, descent in enumerate(self._descents):
                own = f"{number}."
                descent.restore({name.removeprefix(own): arrays[name] for name in arrays if name.startswith(own)})

    def fitted(self) -> list[Fitted]:
        predictors = [descent.predictor() for descent in self._descents]
        facts = {"passes": self.passes, "bins": self._prepared.config.bins}
        return [Fitted(*found, facts=facts) for found in zip(predictors, self._scores(predictors), strict=True)]

    def _scores(self, predictors: Sequence[BinPredictor]) -> list[NDArray[np.float32]]:
        """Scores (n_score, n_targets, 1) of the score rows of each job, in one more pass."""
        wanted = [int(job.score.sum()) for job in self._jobs]
        scores = [np.empty((n, p.n_targets, 1), np.float32) for n, p in zip(wanted, predictors, strict=True)]
        done, first = [0] * len(wanted), 0
        for codes in self._blocks() if any(wanted) else ():
            for k, (job, predictor) in enumerate(zip(self._jobs, predictors, strict=True)):
                chosen = codes[job.score[first : first + len(codes)]]
                scores[k][done[k] : done[k] + len(chosen), :, 0] = predictor.scores_of_codes(chosen)
                done[k] += len(chosen)
            first += len(codes)
        return scores

    def _blocks(self) -> Iterator[Codes]:
        rows = self._prepared.rows
        return map(self._prepared.bins.codes, rows.chunks(rows_of_block(len(rows.features))))


class _Descent:
    """The models of the classes of a job, from block to block."""

    def __init__(
        self, prepared: _PreparedBlocks, job: FitJob, labels: NDArray[np.integer], weights: NDArray[np.float32] | None
    ) -> None:
        self.edges, self.config, self.job, self.labels = prepared.edges, prepared.config, job, labels
        n_features = len(self.edges)
        self.features = np.arange(n_features) if job.features is None else np.flatnonzero(job.features)
        chosen, counted = rows_trained_on(job, labels, weights)
        if self.config.class_weights == "balanced":
            counted = balanced(counted, labels[chosen])
        self.weights = np.zeros(len(labels), np.float32)
        self.weights[chosen] = counted
        truth = labels[chosen, None] == np.array(job.targets)
        self.any, self.all = truth.any(0), truth.all(0)
        self.met = np.zeros((n_features, self.config.bins))
        self.models = [self._model(len(chosen)) for _ in job.targets]

    def _model(self, n_rows: int) -> Any:
        from sklearn.linear_model import SGDClassifier

        return SGDClassifier(
            loss="log_loss", alpha=self.config.penalty, learning_rate="constant",
            eta0=self.config.learning_rate / max(1, len(self.features)),
            average=max(1, self.config.passes * n_rows // 2),
        )  # fmt: skip

    def step(self, codes: Codes, first: int, seed: int) -> None:
        """Learn from the rows trained on among a block; they are shuffled."""
        chosen = np.flatnonzero(self.weights[first : first + len(codes)])
        if not len(chosen):
            return
        codes, rows = codes[chosen], first + chosen
        weights = self.weights[rows].astype(np.float64)
        for feature in range(codes.shape[1]):
            self.met[feature] += np.bincount(codes[:, feature], weights, self.config.bins)
        columns = one_hot(codes[:, self.features], self.config.bins)
        for model, target in zip(self.models, self.job.targets, strict=True):
            model.set_params(random_state=seed)
            model.partial_fit(columns, self.labels[rows] == target, classes=(False, True), sample_weight=weights)

    def state(self) -> dict[str, NDArray[Any]]:
        """What was learnt so far."""
        found: dict[str, NDArray[Any]] = {"met": self.met}
        for k, model in enumerate(self.models):
            found |= {f"{k}.{name}": value for name, value in _learnt(model)}
        return found

    def restore(self, state: Mapping[str, NDArray[Any]]) -> None:
        """Go on from `state`."""
        for name, value in state.items():
            model, _, attribute = name.partition(".")
            if attribute:
                setattr(self.models[int(model)], attribute, value if value.ndim else value.item())
            else:
                self.met = value

    def predictor(self) -> BinPredictor:
        """The averaged coefficients, moved so that those of a feature are nought on average over the rows."""
        config, shape = self.config, (len(self.edges), self.config.bins)
        coefficients, intercepts = np.zeros((*shape, len(self.models))), np.zeros(len(self.models))
        for k, model in enumerate(self.models):
            if self.any[k] and not self.all[k]:
                coefficients[self.features, :, k] = model.coef_.reshape(len(self.features), config.bins)
                intercepts[k] = model.intercept_[0]
            else:
                intercepts[k] = _MOST_LOG_ODDS if self.any[k] else -_MOST_LOG_ODDS
        share = self.met / np.maximum(self.met.sum(1, keepdims=True), 1e-300)
        middle = np.einsum("fbk,fb->fk", coefficients, share)
        return BinPredictor(self.edges, coefficients - middle[:, None], intercepts + middle.sum(0), share)


def _learnt(model: Any) -> Iterator[tuple[str, NDArray[Any]]]:
    """Numbers that a model of scikit-learn has beside its options: what `partial_fit` goes on from."""
    options = model.get_params()
    for name, value in vars(model).items():
        if name not in options and isinstance(value, np.ndarray | float | int):
            yield name, np.asarray(value)


def one_hot(codes: Codes, n_bins: int) -> Any:
    """A sparse matrix (n, n_features x n_bins) with a 1 for the bin of each feature."""
    from scipy.sparse import csr_matrix

    n, n_features = codes.shape
    columns = codes.astype(np.int32) + np.arange(n_features, dtype=np.int32) * n_bins
    starts = np.arange(n + 1, dtype=np.int32) * n_features
    return csr_matrix((np.ones(codes.size), columns.ravel(), starts), shape=(n, n_features * n_bins))
