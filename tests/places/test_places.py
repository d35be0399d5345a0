from __future__ import annotations

from pathlib import Path

import pytest
from pydantic import ValidationError

from meta_models.config import TrainingConfig
from meta_models.errors import UsageError
from meta_models.places import ObjectPath, table_path


def test_a_name_is_a_path_or_an_address() -> None:
    assert table_path("t/x:y") == Path("t/x:y")
    assert table_path("s3://b/t") == ObjectPath("s3", "b", "t")
    for address in ("az://b/t", Path("s3://b/t")):
        with pytest.raises(UsageError, match="must name a bucket"):
            table_path(address)


@pytest.mark.parametrize("name", ["dataset", "eval_dataset", "oof_dataset", "mine_negatives"])
def test_tables_may_be_in_stores(name: str) -> None:
    given = {"dataset": "demo", name: "s3://b/t"}
    assert getattr(TrainingConfig.model_validate(given), name) == "s3://b/t"
    with pytest.raises(ValidationError, match="must be a path on this machine, s3://BUCKET/PREFIX or"):
        TrainingConfig.model_validate({**given, name: "https://host/t.parquet"})


def test_nothing_is_written_to_a_store() -> None:
    with pytest.raises(ValidationError, match="must be a path on this machine"):
        TrainingConfig.model_validate({"dataset": "demo", "out_dir": "s3://b/run"})
