"""Units on a Dask cluster: one that is there already, or processes of this machine.

Nothing but the futures of Dask is used, and it is imported only where it is asked for. A unit is a child process of a
worker (`in_worker`); what it is told and what it answers travel as files of the run folder.
"""

from meta_models.cluster.connection import require_cluster
from meta_models.cluster.farm import DaskFarm, dask_farm

__all__ = ["DaskFarm", "dask_farm", "require_cluster"]
