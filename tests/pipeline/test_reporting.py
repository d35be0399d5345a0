"""What the report of a run folder says of where the run came from."""

from __future__ import annotations

import pytest

from meta_models.pipeline import reporting
from meta_models.pipeline.reporting import provenance
from meta_models.run_folder import InputRecord, RunManifest


def test_every_file_of_the_table_is_named_as_it_lies_there(monkeypatch: pytest.MonkeyPatch) -> None:
    paths = [f"/data/table/chr={k}/part-0.parquet" for k in range(4)]
    inputs = tuple(InputRecord(path=path, bytes=1, sha256=f"{k:064}") for k, path in enumerate(paths))
    manifest = RunManifest.start().model_copy(update={"inputs": inputs})
    found = {name: value for name, value in provenance(manifest).items() if name.startswith("sha256")}
    assert found == {f"sha256 of chr={k}/part-0.parquet": f"{k:064}" for k in range(4)}
    monkeypatch.setattr(reporting, "_SHOWN_INPUTS", 3)
    few = [name for name in provenance(manifest) if name.startswith("sha256")]
    assert few[2:] == ["sha256 of chr=2/part-0.parquet", "sha256 of 1 more files"]
    one = manifest.model_copy(update={"inputs": inputs[:1]})
    assert "sha256 of part-0.parquet" in provenance(one)
    assert not [name for name in provenance(RunManifest.start()) if name.startswith("sha256")]
