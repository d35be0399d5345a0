"""The run folder: atomic writes, one run at a time, a manifest of what was done, and checkpointed units of work.

::

    with install_signal_handlers(), RunFolder.open(out_dir, overwrite=False, resume=False) as folder:
        folder.update(config=..., seeds=...)
        with folder.phase("train"):
            folder.write_bytes("model_multiclass.pkl", data)

Leaving the block verifies every artifact and marks the manifest ``complete``; an error marks it ``failed``, an
interrupt ``interrupted``.
"""

from meta_models.run_folder.atomic import atomic_path, atomic_write, hash_file, remove_temporaries, require_space
from meta_models.run_folder.earlier import make_folder, require_free
from meta_models.run_folder.environment import LOCK, EnvironmentRecord, describe_environment, requirements_lock
from meta_models.run_folder.folder import RunFolder
from meta_models.run_folder.lock import shared_lock
from meta_models.run_folder.manifest import (
    MANIFEST_NAME,
    ArtifactRecord,
    InputRecord,
    MemoryFigures,
    RunManifest,
    RunState,
    UnitRecord,
    library_versions,
    read_artifact,
    require_versions,
)
from meta_models.run_folder.scratch import scratch_folder
from meta_models.run_folder.signals import install_signal_handlers
from meta_models.run_folder.unit_plan import Recorded, Recording, UnitPlan, unless_recorded
from meta_models.run_folder.units import UnitHit, UnitKey, UnitMiss, UnitStore
from meta_models.run_folder.work_files import Order, PickledFile, do_order
from meta_models.run_folder.writers import (
    as_arrow,
    json_bytes,
    parquet_bytes,
    verify_parquet,
    write_parquet,
)

__all__ = [
    "LOCK",
    "MANIFEST_NAME",
    "ArtifactRecord",
    "EnvironmentRecord",
    "InputRecord",
    "MemoryFigures",
    "Order",
    "PickledFile",
    "Recorded",
    "Recording",
    "RunFolder",
    "RunManifest",
    "RunState",
    "UnitHit",
    "UnitKey",
    "UnitMiss",
    "UnitPlan",
    "UnitRecord",
    "UnitStore",
    "as_arrow",
    "atomic_path",
    "atomic_write",
    "describe_environment",
    "do_order",
    "hash_file",
    "install_signal_handlers",
    "json_bytes",
    "library_versions",
    "make_folder",
    "parquet_bytes",
    "read_artifact",
    "remove_temporaries",
    "require_free",
    "require_space",
    "require_versions",
    "requirements_lock",
    "scratch_folder",
    "shared_lock",
    "unless_recorded",
    "verify_parquet",
    "write_parquet",
]
