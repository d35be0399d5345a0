"""Runs in MLflow: a SQLite file beside the run folders, or a server. Plain files only: no model is pickled there."""

from __future__ import annotations

import logging
import os
import re
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any

from meta_models.errors import InputError, UsageError, WriteError
from meta_models.local_paths import real

if TYPE_CHECKING:
    from meta_models.experiments.tracking.tracked import TrackedRun

#: Tags by which a run is known, and by which it is known to be complete and unchanged.
KEY, CONTENT = "meta_models.run_key", "meta_models.content"
DATABASE, ARTIFACTS = "mlflow.db", "mlflow_artifacts"
logger = logging.getLogger(__name__)
_SQLITE, _HTTP = "sqlite:///", ("http://", "https://")
#: Kinds of databases that MLflow takes.
_DATABASES = frozenset({"sqlite", "postgresql", "mysql", "mssql"})
#: Beginnings of URIs that are no paths, and what MLflow and SQLAlchemy read as a query, or decode, in a path.
_SCHEMES, _READ_OTHERWISE = ("file:", "sqlite:"), "?%"
#: What MLflow takes at once, and the longest value of a parameter and of a tag.
_AT_ONCE, _LONGEST_PARAM, _LONGEST_TAG = 100, 6000, 5000
#: What may not stand in the name of a metric or a parameter.
_FOREIGN = re.compile(r"[^A-Za-z0-9_\-. :/]")
#: How often and how long a server is asked before it is known to answer, by MLflow's own variables: in all 20 s, where
#: MLflow itself would ask for minutes. What stands in the environment is the user's.
_RETRIES = {"MLFLOW_HTTP_REQUEST_MAX_RETRIES": "2", "MLFLOW_HTTP_REQUEST_BACKOFF_FACTOR": "2"}
_FIRST_ANSWER = {**_RETRIES, "MLFLOW_HTTP_REQUEST_TIMEOUT": "5"}
#: How SQLAlchemy puts the message of a database.
_DATABASE_ERROR = re.compile(r"\((?:\w+\.)+\w*Error\) ([^\n\r]+)")

#: How a server is told that could not be reached, at the end of all that was tried.
_CONNECTION_ERROR = re.compile(r"Caused by \w+\(.*?((?<=\] )[^\"')]+|timed out)")


class MlflowExporter:
    """Writes runs into one experiment of an MLflow store.

    The client alone is used: no global state, no autolog. The place of artifacts is set when the experiment is made;
    left to MLflow it would be the working directory.

    Parameters
    ----------
    address : str
        URI of the store, or path of a SQLite file; empty: ``mlflow.db`` in `root`.
    experiment : str
    root : Path
        Folder above the run's.

    Raises
    ------
    UsageError
        If MLflow is not installed, or would take the address for another one.
    """

    def __init__(self, address: str, experiment: str, root: Path) -> None:
        address = address or str(root / DATABASE)
        self._uri = address if "://" in address else _database(address)
        self._experiment = experiment
        os.environ["MLFLOW_DISABLE_TELEMETRY"] = "true"
        os.environ["DO_NOT_TRACK"] = "true"
        with _quiet():
            self._client_type, failures = _library()
        self._failures: tuple[type[Exception], ...] = (OSError, *failures)

    def export(self, run: TrackedRun) -> str:
        """Record `run`; see :class:`meta_models.experiments.tracking.tracked.Exporter`.

        A run whose recording was cut short is completed; one that was analysed since gets the new figures.
        """
        try:
            with _quiet():
                client, experiment = self._reached()
                known = client.search_runs([experiment], f"tags.`{KEY}` = '{run.key}'", max_results=1)
                if known and known[0].data.tags.get(CONTENT) == run.content:
                    return f"{run.name} is in {self._uri} already, run {known[0].info.run_id}"
                recorded = known[0] if known else self._create(client, experiment, run)
                self._record(client, recorded, run)
        except self._failures as error:
            raise WriteError(
                f"The tracking store {self._uri} must answer and be writable",
                f"Found: {_reason(error)}",
                f"The run itself is complete; repair the store, then run meta-models track {run.path} --to mlflow:URI",
            ) from error
        return f"Recorded {run.name} in {self._uri}, experiment {self._experiment}, run {recorded.info.run_id}"

    def _reached(self) -> tuple[Any, str]:
        """A client of the store, and the number of the experiment there; a server must answer soon."""
        if self._uri.startswith(_HTTP):
            own = sorted(_FIRST_ANSWER.keys() & os.environ.keys())
            verb = "says" if len(own) == 1 else "say"
            bound = f"as long as {' and '.join(own)} {verb}" if own else "about 20 s at most"
            logger.info("Waiting for %s to answer, %s", self._uri, bound)
        elif _scheme(self._uri) in _DATABASES:
            _require_writable(self._uri)
        with _environment(_FIRST_ANSWER):
            client = self._client_type(tracking_uri=self._uri)
            return client, self._experiment_id(client)

    def _experiment_id(self, client: Any) -> str:
        found = client.get_experiment_by_name(self._experiment)
        if found is None:
            return str(client.create_experiment(self._experiment, artifact_location=self._artifact_location()))
        if found.lifecycle_stage != "active":
            raise InputError(
                f"The experiment {self._experiment} must be active",
                "It was deleted",
                "Record the run with meta-models track RUN --experiment NAME",
            )
        return str(found.experiment_id)

    def _artifact_location(self) -> str | None:
        """A folder beside a SQLite file; a server has a place of its own."""
        if not self._uri.startswith(_SQLITE):
            return None
        return (Path(self._uri.removeprefix(_SQLITE)).parent / ARTIFACTS).as_uri()

    def _create(self, client: Any, experiment: str, run: TrackedRun) -> Any:
        tags = {KEY: run.key}
        return client.create_run(experiment, start_time=_milliseconds(run.started), run_name=run.name, tags=tags)

    def _record(self, client: Any, recorded: Any, run: TrackedRun) -> None:
        """Everything, and at last the tag that says it is everything."""
        from mlflow.entities import Dataset, DatasetInput, Metric, Param, RunTag

        number, at = recorded.info.run_id, _milliseconds(run.ended)
        there = recorded.data.params
        params = {n: v for n, v in _named(run.params, _LONGEST_PARAM).items() if n not in there}
        for part in _parts([Param(*item) for item in params.items()]):
            client.log_batch(number, params=part)
        for part in _parts([Metric(_FOREIGN.sub("_", name), value, at, 0) for name, value in run.metrics.items()]):
            client.log_batch(number, metrics=part)
        for part in _parts([RunTag(*item) for item in _named(run.tags, _LONGEST_TAG).items()]):
            client.log_batch(number, tags=part)
        dataset = Dataset(run.dataset or "table", run.dataset_digest, "local", run.dataset)
        client.log_inputs(number, [DatasetInput(dataset)])
        for name in run.artifacts:
            parent = str(PurePosixPath(name).parent)
            client.log_artifact(number, str(run.path / name), None if parent == "." else parent)
        client.set_tag(number, CONTENT, run.content)
        client.set_terminated(number, "FINISHED", end_time=at)


def _database(address: str) -> str:
    """The URI of the SQLite file at the path `address`."""
    path = str(real(address))
    if address.startswith(_SCHEMES) or any(mark in path for mark in _READ_OTHERWISE):
        raise UsageError(
            "--to mlflow:ADDRESS must be a URI with ://, or the path of a file, without % and ?",
            f"Found {address!r}{'' if address == path else f', which is {path}'}",
            "MLflow would write elsewhere: name another file",
        )
    return f"{_SQLITE}{path}"


def _scheme(uri: str) -> str:
    """The kind of store: ``sqlite`` of ``sqlite+pysqlite:///a.db``."""
    return uri.partition(":")[0].partition("+")[0]


def _require_writable(uri: str) -> None:
    """Ask a database once: MLflow itself asks one that cannot be opened ten times in 100 s, and says nothing meanwhile.

    Raises
    ------
    sqlalchemy.exc.SQLAlchemyError, OSError
        If it does not answer, or its file or the folder of it cannot be written to.
    UsageError
        If the library that speaks to such a database is not installed.
    """
    import sqlalchemy

    if uri.startswith(_SQLITE):
        Path(uri.removeprefix(_SQLITE)).parent.mkdir(parents=True, exist_ok=True)  # as MLflow does
    try:
        engine = sqlalchemy.create_engine(uri, poolclass=sqlalchemy.NullPool)
    except ImportError as error:
        raise UsageError(
            f"A store in {_scheme(uri)} needs its library", f"Not installed: {error.name}", f"Install {error.name}"
        ) from None
    with engine.connect() as connection:
        if _scheme(uri) == "sqlite":
            connection.exec_driver_sql("BEGIN IMMEDIATE")  # the lock of one that writes


def _library() -> tuple[Any, tuple[type[Exception], ...]]:
    """The client, and what it fails with."""
    try:
        import sqlalchemy.exc
        from mlflow import MlflowClient
        from mlflow.exceptions import MlflowException
    except ImportError as error:
        raise UsageError(
            "The tracker mlflow needs MLflow", f"Not installed: {error.name}", "Run pip install '.[tracking]'"
        ) from None
    return MlflowClient, (MlflowException, sqlalchemy.exc.SQLAlchemyError)


@contextmanager
def _environment(values: Mapping[str, str]) -> Iterator[None]:
    """Within the block those of the variables are set that are not."""
    added = [name for name in values if name not in os.environ]
    os.environ |= {name: values[name] for name in added}
    try:
        yield
    finally:
        for name in added:
            del os.environ[name]


@contextmanager
def _quiet() -> Iterator[None]:
    """Without what MLflow warns of in its own dependencies, and the tracebacks that it logs before it raises."""
    logger = logging.getLogger("mlflow")
    level = logger.level
    logger.setLevel(logging.CRITICAL)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)
            yield
    finally:
        logger.setLevel(level)


def _named(values: Mapping[str, str], longest: int) -> dict[str, str]:
    """Names that MLflow takes; values of at most so many characters, the full ones stand in the manifest."""
    return {
        _FOREIGN.sub("_", name): value if len(value) <= longest else f"{value[: longest - 3]}..."
        for name, value in values.items()
    }


def _parts(items: list[Any]) -> Iterator[list[Any]]:
    for start in range(0, len(items), _AT_ONCE):
        yield items[start : start + _AT_ONCE]


def _milliseconds(moment: str) -> int:
    return int(datetime.fromisoformat(moment).timestamp() * 1000)


def _reason(error: Exception) -> str:
    """What the database or the network said, or the first line; the statement and its values are for nobody."""
    if isinstance(error, OSError) and error.strerror and error.filename:
        return f"{error.filename}: {error.strerror}"
    text = str(error).strip() or type(error).__name__
    said = _DATABASE_ERROR.search(text) or _CONNECTION_ERROR.search(text)
    return text.splitlines()[0] if said is None else said.group(1)
