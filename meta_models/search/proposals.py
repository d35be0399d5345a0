"""What is tried next, by Optuna. What it asks depends on the trials before and the seed, and on nothing else.

Optuna's samplers keep a state that its storage does not: a search that goes on would ask other trials. So each question
is put to a new sampler and a study that is told all trials so far, in their order, and the seed moves on with their
number.
"""

from __future__ import annotations

import logging
import warnings
from collections.abc import Mapping, Sequence
from importlib import import_module
from typing import Any

from meta_models.errors import UsageError
from meta_models.search.space import Choices, LearnerSpace, Parameter, Value
from meta_models.search.trials import Trial, TrialState

#: Trials before the sampler looks at what came out, of the choice of a learner and of each learner's options.
STARTUP_LEARNERS, STARTUP_OPTIONS = 10, 10
#: The least trials of a learner that tell which of its options matter.
LEAST_TOLD = 10
_CANDIDATES = 24
_LEARNER = "learner"


def require_optuna() -> None:
    """Raise UsageError, naming the extra, where Optuna is absent."""
    _optuna()


def propose(spaces: Mapping[str, LearnerSpace], trials: Sequence[Trial], seed: int) -> tuple[str, dict[str, Value]]:
    """The learner of the next trial and the values of its options."""
    chosen = _learner(list(spaces), trials, seed + len(trials))
    of_learner = [trial for trial in trials if trial.learner == chosen]
    return chosen, _values(spaces[chosen], of_learner, seed + len(trials))


def importances(space: LearnerSpace, trials: Sequence[Trial]) -> dict[str, float]:
    """Share of each option in what tells good trials of a learner from others, the largest first; empty if too few.

    References
    ----------
    Watanabe, Bansal and Hutter, PED-ANOVA: efficiently quantifying hyperparameter importance in arbitrary subspaces,
    IJCAI 2023.
    """
    shared = [p.name for p in space.parameters if p.when is None]
    known = [t for t in trials if t.state is TrialState.COMPLETE and t.learner == space.learner]
    known = [t for t in known if _known(space, t.values)]
    if len(known) < LEAST_TOLD or not shared or len({t.value for t in known}) == 1:
        return {}
    optuna = _optuna()
    study = _study(optuna, 0, STARTUP_OPTIONS)
    for trial in known:
        study.add_trial(_told(optuna, trial, _domains(optuna, space), dict(trial.values)))
    evaluator = optuna.importance.PedAnovaImportanceEvaluator()
    found = optuna.importance.get_param_importances(study, evaluator=evaluator, params=shared)
    return {name: float(share) for name, share in found.items()}


def _learner(names: Sequence[str], trials: Sequence[Trial], seed: int) -> str:
    if len(names) == 1:
        return names[0]
    optuna = _optuna()
    domain = {_LEARNER: optuna.distributions.CategoricalDistribution(tuple(names))}
    study = _study(optuna, seed, STARTUP_LEARNERS)
    for trial in trials:
        study.add_trial(_told(optuna, trial, domain, {_LEARNER: trial.learner}))
    return str(study.ask().suggest_categorical(_LEARNER, tuple(names)))


def _values(space: LearnerSpace, trials: Sequence[Trial], seed: int) -> dict[str, Value]:
    optuna = _optuna()
    study, domains = _study(optuna, seed, STARTUP_OPTIONS), _domains(optuna, space)
    for trial in trials:
        if _known(space, trial.values):
            study.add_trial(_told(optuna, trial, domains, dict(trial.values)))
    always = {p.name: domains[p.name] for p in space.parameters if p.when is None}
    asked = study.ask(always)
    values: dict[str, Value] = {}
    for parameter in space.parameters:
        if space.active(values, parameter):
            values[parameter.name] = _suggested(asked, parameter)
    return values


def _known(space: LearnerSpace, values: Mapping[str, Value]) -> bool:
    """Whether all `values` lie where the search looks: default ones need not."""
    domains = {parameter.name: parameter.domain for parameter in space.parameters}
    return all(domains[name].contains(value) for name, value in values.items())


def _suggested(asked: Any, parameter: Parameter) -> Value:
    domain, name = parameter.domain, parameter.name
    if isinstance(domain, Choices):
        chosen: Value = asked.suggest_categorical(name, domain.values)
        return chosen
    suggest = asked.suggest_int if domain.integer else asked.suggest_float
    return domain.rounded(suggest(name, domain.low, domain.high, log=domain.log))


def _domains(optuna: Any, space: LearnerSpace) -> dict[str, Any]:
    return {parameter.name: _domain(optuna, parameter) for parameter in space.parameters}


def _domain(optuna: Any, parameter: Parameter) -> Any:
    domain, kinds = parameter.domain, optuna.distributions
    if isinstance(domain, Choices):
        return kinds.CategoricalDistribution(domain.values)
    kind = kinds.IntDistribution if domain.integer else kinds.FloatDistribution
    return kind(domain.low, domain.high, log=domain.log)


def _told(optuna: Any, trial: Trial, domains: Mapping[str, Any], values: dict[str, Value]) -> Any:
    """A trial as Optuna keeps it, with the mean after each fold."""
    states = {TrialState.COMPLETE: "COMPLETE", TrialState.PRUNED: "PRUNED", TrialState.FAILED: "FAIL"}
    means = {k: trial.mean_after(k + 1) for k in range(len(trial.folds))}
    return optuna.trial.create_trial(
        state=optuna.trial.TrialState[states[trial.state]],
        value=None if trial.state is TrialState.FAILED else trial.value,
        params=values,
        distributions={name: domains[name] for name in values},
        intermediate_values=means,
    )


def _study(optuna: Any, seed: int, startup: int) -> Any:
    """An empty study in memory; everything that its sampler does is said here, whatever the defaults become."""
    sampler = optuna.samplers.TPESampler(
        n_startup_trials=startup, n_ei_candidates=_CANDIDATES, seed=seed % 2**32, multivariate=True, constant_liar=False
    )
    return optuna.create_study(direction="maximize", sampler=sampler)


def _optuna() -> Any:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)
            optuna = import_module("optuna")
    except ImportError as error:
        raise UsageError(
            "meta-models tune needs Optuna", f"Not installed: {error.name}", "Run pip install '.[search]'"
        ) from None
    logging.getLogger("optuna").setLevel(logging.ERROR)
    return optuna
