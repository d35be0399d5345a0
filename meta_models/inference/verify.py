"""What a model file is, found without trusting it; on request in a process that may crash.

``python -m meta_models.inference.verify FILE`` is that process: it limits itself, then opens FILE and predicts.
"""

from __future__ import annotations

import json
import os
import resource
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass

import numpy as np

from meta_models.errors import ExitCode, InputError, MetaModelsError, UnsafeModelFile
from meta_models.features import MOTIF_COLUMNS, Recipe
from meta_models.inference.ensemble_model_loader import resolve
from meta_models.learners.seam import LEAST_VALUE
from meta_models.learners.seam.genes import N_CODE, GeneTracks
from meta_models.model import EnsembleMetaModel, FittedModel
from meta_models.model.first_pass import FirstPass
from meta_models.persistence import ModelFile, open_model_file
from meta_models.resources import apply_address_space_limit

#: Limits of the isolated process: CPU seconds, and bytes of address space beyond what the interpreter holds already.
CPU_SECONDS = 60
MEMORY = 4_000_000_000
_WALL_SECONDS = 4 * CPU_SECONDS
_SHOWN = 5
_ROWS = 64
_OF_MEMBERS = " of members"


@dataclass(frozen=True)
class ModelFacts:
    """What is known of a sound model file; returned by `verify_model`.

    Attributes
    ----------
    size : int
        Bytes.
    sha256 : str
        Of the file.
    entries : mapping of str to str
        SHA-256 of each entry of the archive.
    trees : int
        Trees of all members; 0 where there are none.
    learners : sequence of str
        What the members were fitted with.
    calibration : sequence of str
        Kinds of the calibrators; of a combination without any, those of its members.
    isolated : bool
        Whether it was loaded and used in a process of its own.
    recipe : str
        What of a genome its columns are computed from, in words; empty where it does not say.
    first_pass : str
        What the model is whose scores further columns are computed from; empty where there is none.
    """

    path: str
    kind: str
    format_version: int
    size: int
    sha256: str
    members: int
    learners: Sequence[str]
    trees: int
    combination: str | None
    strategy: str
    classes: Sequence[str]
    features: Sequence[str]
    genes: Sequence[str]
    families: int
    base_models: Sequence[str]
    weighting: str
    calibration: Sequence[str]
    versions: Mapping[str, str]
    entries: Mapping[str, str]
    isolated: bool = False
    recipe: str = ""
    first_pass: str = ""

    def lines(self) -> Iterator[str]:
        """One fact a line."""
        checked = "loaded and used in a process of its own" if self.isolated else "every entry and every tree checked"
        yield f"Sound model file: {self.path} ({checked})"
        yield f"Kind: {self.kind}, format {self.format_version}, {self.size:,} bytes, strategy {self.strategy}"
        yield f"sha256: {self.sha256}"
        combined = f", combined by {self.combination}" if self.combination else ""
        trees = f", {self.trees:,} trees" if self.trees else ""
        yield f"Members: {self.members} ({', '.join(self.learners)}){combined}{trees}"
        yield f"Classes: {', '.join(self.classes)}; calibration: {', '.join(self.calibration) or 'none'}"
        yield f"Features: {len(self.features):,} ({_some(self.features)})"
        yield f"Trained on {len(self.genes):,} genes ({_some(self.genes)}), {self.families:,} families named"
        yield f"Base models: {', '.join(self.base_models) or 'none'}; weights of rows: {self.weighting}"
        yield f"Recipe: {self.recipe or 'none (it predicts from tables, not from a genome)'}"
        if self.first_pass:
            yield f"First pass: {self.first_pass}"
        versions = ", ".join(f"{name} {version}" for name, version in sorted(self.versions.items()))
        yield f"Versions: {versions or 'unknown'}"
        for name, digest in self.entries.items():
            yield f"  {digest}  {name}"


def verify_model(path_or_glob: str | os.PathLike[str], *, isolated: bool = False) -> ModelFacts:
    """Check a model file and say what it is. Nothing that stands in it is run.

    Parameters
    ----------
    path_or_glob : path
        A file, or a pattern that exactly one file matches.
    isolated : bool
        Load it and predict with it in a child process with limits on CPU time and memory, which protects this process
        from what even the checks might miss: a crash there is a refusal here.

    Raises
    ------
    InputError
        If there is no such file.
    UnsafeModelFile
        If it is refused, with the reason.
    """
    path = resolve(path_or_glob)
    return _verify_isolated(os.fspath(path)) if isolated else _facts(os.fspath(path), open_model_file(path))


def _facts(path: str, file: ModelFile) -> ModelFacts:
    model, info = file.model, file.model.info
    ensemble = model if isinstance(model, EnsembleMetaModel) else None
    singles = model.singles
    return ModelFacts(
        path=path,
        kind="ensemble" if ensemble else "single model",
        format_version=info.format_version,
        size=file.size,
        sha256=file.sha256,
        members=model.n_members,
        trees=model.trees,
        learners=tuple(dict.fromkeys(single.learner for single in singles)),
        combination=ensemble.combination.kind if ensemble else None,
        strategy=info.strategy,
        classes=info.classes,
        features=model.feature_names,
        genes=info.genes,
        families=len(info.families),
        base_models=info.base_models,
        weighting=info.weighting,
        calibration=_calibration(model),
        versions=dict(info.versions),
        entries=dict(file.entries),
        recipe="" if info.recipe is None else _recipe(info.recipe),
        first_pass="" if info.first_pass is None else _first_pass(info.first_pass),
    )


def _calibration(model: FittedModel) -> tuple[str, ...]:
    """Kinds of the calibrators of the whole; of a combination that has none, each kind that its members have."""
    if model.calibrators is not None:
        return tuple(calibrator.kind for calibrator in model.calibrators)
    members = model.members if isinstance(model, EnsembleMetaModel) else ()
    kinds = dict.fromkeys(kind.removesuffix(_OF_MEMBERS) for member in members for kind in _calibration(member))
    return tuple(kind + _OF_MEMBERS for kind in kinds)


def _first_pass(first: FirstPass) -> str:
    trees = first.model.trees
    of = f"{trees:,} trees, " if trees else ""
    return f"{of}{len(first.model.feature_names):,} features; {len(first.names)} columns are computed from its scores"


def _recipe(recipe: Recipe) -> str:
    models = ", ".join(track.key for track in recipe.models)
    groups = ", ".join(f"{group.name} {group.version}" for group in recipe.groups)
    evidence = ", ".join(track.name for track in recipe.evidence)
    told = f"base models {models}; groups {groups}; " + (f"evidence {evidence}; " if evidence else "")
    return f"{told}flank {recipe.flank:,}, context {recipe.context}; sha256 {recipe.sha256[:16]}"


def _verify_isolated(path: str) -> ModelFacts:
    command = [sys.executable, "-P", "-m", "meta_models.inference.verify", path]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    try:
        child = subprocess.run(command, capture_output=True, timeout=_WALL_SECONDS, env=environment, check=False)
    except subprocess.TimeoutExpired:
        raise _refusal(path, f"a process that did not end within {_WALL_SECONDS} seconds") from None
    if child.returncode < 0:
        raise _refusal(path, f"a process that was ended by {_signal_name(-child.returncode)} while it used the file")
    try:
        answer = json.loads(child.stdout)
    except ValueError:
        last = child.stderr.decode("utf-8", "replace").strip().splitlines()[-1:]
        raise _refusal(path, f"a process that ended with code {child.returncode}: {''.join(last)[:300]}") from None
    if "refused" in answer:
        kind = UnsafeModelFile if answer["unsafe"] else InputError
        raise kind(*answer["refused"])
    return ModelFacts(**{**answer, "isolated": True})


def _refusal(path: str, found: str) -> UnsafeModelFile:
    expected = "A model file that can be loaded and used is needed"
    return UnsafeModelFile(expected, f"Found {found}: {path}", "Do not use it")


def _signal_name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"


def _answer(path: str) -> dict[str, object]:
    """What the isolated process found: the facts, or why it refuses."""
    try:
        file = open_model_file(path)
        _require_probabilities(file.model)
    except MetaModelsError as error:
        unsafe = isinstance(error, UnsafeModelFile)
        return {"refused": (error.expected, error.found, error.action), "unsafe": unsafe}
    except MemoryError:
        refused = ("A model file of ordinary size is needed", f"Found one that needs over {MEMORY:,} bytes", "")
        return {"refused": refused, "unsafe": True}
    return asdict(_facts(path, file))


def _require_probabilities(model: FittedModel) -> None:
    """Predict for rows of ordinary, extreme and missing values; where it reads whole genes, with scores of one."""
    rng = np.random.default_rng(0)
    X = rng.normal(size=(_ROWS, model.n_features_in_)).astype(np.float32)
    X[1], X[2], X[3] = LEAST_VALUE, np.finfo(np.float32).max, np.nan
    codes = [model.feature_names.index(name) for name in MOTIF_COLUMNS if name in model.feature_names]
    X[:, codes] = rng.integers(0, N_CODE + 1, (_ROWS, len(codes)))
    for name, scores in model.scores_of_gene(_made_up_gene(model, rng), np.arange(_ROWS)).items():
        X[:, model.feature_names.index(name)] = scores
    probabilities = model.predict_proba(X)
    if not (np.isfinite(probabilities).all() and np.allclose(probabilities.sum(axis=1), 1)):
        raise UnsafeModelFile("A model that gives probabilities is needed", "Found rows that do not sum to 1")


def _made_up_gene(model: FittedModel, rng: np.random.Generator) -> GeneTracks:
    """A gene of bases, scores and evidence drawn at random, some of which are unknown."""
    predictors = [single.gene_predictor for single in model.gene_readers if single.gene_predictor is not None]
    size = 3 * _ROWS
    scores = {
        key: rng.random((size, 2), np.float32) * np.float32(0.5)
        for predictor in predictors
        for key in predictor.base_models
    }
    evidence = {
        name: rng.normal(size=size).astype(np.float32) for predictor in predictors for name in predictor.evidence
    }
    for values in scores.values():
        values[:_SHOWN] = np.nan
    return GeneTracks("made up", _ROWS, rng.integers(0, N_CODE + 1, size).astype(np.uint8), scores, evidence)


def _limit_this_process() -> None:
    """CPU time, address space, and no core dump."""
    resource.setrlimit(resource.RLIMIT_CPU, (CPU_SECONDS, CPU_SECONDS + 5))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    apply_address_space_limit(MEMORY)


def _some(names: Sequence[str]) -> str:
    return ", ".join(names[:_SHOWN]) + (", ..." if len(names) > _SHOWN else "")


def main(arguments: Sequence[str]) -> int:
    """The isolated process: print what is in the file that `arguments` name, as JSON."""
    _limit_this_process()
    sys.stdout.write(json.dumps(_answer(arguments[0])))
    return int(ExitCode.DONE)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
