"""Limits from fake trees of kernel files, from real rlimits, and from the batch system's variables."""

import os
import resource
import subprocess
import sys
from pathlib import Path

import pytest

from meta_models.errors import MemoryBudgetError
from meta_models.resources import (
    cpu_count,
    cpu_limit,
    free_disk,
    memory_budget,
    memory_limit,
    named_limit,
    oom_kill_count,
)

MB = 2**20
PHYSICAL = 64 * 2**30
NO_RLIMIT = (resource.RLIM_INFINITY, resource.RLIM_INFINITY)
V1_NONE = 9223372036854771712


class Tree:
    """A fake ``/``: kernel files under a temporary folder."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.write("proc/meminfo", f"MemTotal:  {PHYSICAL // 1024} kB\nMemAvailable:  {PHYSICAL // 1024} kB\n")
        self.memberships: list[str] = []
        self.mounts: list[str] = ["22 1 0:21 / /proc rw - proc proc rw"]

    def write(self, path: str, text: object) -> None:
        target = self.root / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(f"{text}\n")

    def v1(self, controllers: str, path: str, point: str, mount_root: str = "/") -> None:
        number = len(self.mounts) + 1
        self.memberships.append(f"{number}:{controllers}:{path}")
        escaped = point.replace(" ", "\\040")
        self.mounts.append(f"{number} 1 0:9 {mount_root} {escaped} rw,relatime - cgroup cgroup rw,{controllers}")

    def v2(self, path: str, point: str = "/sys/fs/cgroup", mount_root: str = "/") -> None:
        self.memberships.append(f"0::{path}")
        self.mounts.append(f"40 1 0:8 {mount_root} {point} rw shared:4 master:1 - cgroup2 cgroup2 rw,nsdelegate")

    def limit(self, environ=None, rlimit=lambda which: NO_RLIMIT):
        self._flush()
        return memory_limit(root=self.root, environ=environ or {}, getrlimit=rlimit)

    def budget(self, gigabytes=None, own_bytes=0, rlimit=lambda which: NO_RLIMIT):
        self._flush()
        return memory_budget(gigabytes, root=self.root, environ={}, getrlimit=rlimit, own_bytes=own_bytes)

    def cpus(self, threads=None, environ=None, affinity=64):
        self._flush()
        return cpu_limit(threads, root=self.root, environ=environ or {}, affinity=affinity)

    def ooms(self):
        self._flush()
        return oom_kill_count(root=self.root)

    def _flush(self) -> None:
        self.write("proc/self/cgroup", "\n".join(self.memberships))
        self.write("proc/self/mountinfo", "\n".join(self.mounts))


@pytest.fixture
def tree(tmp_path):
    return Tree(tmp_path)


def test_without_groups_physical_memory_is_the_limit(tree):
    limit = tree.limit()
    assert (limit.bytes, limit.source, len(limit.candidates)) == (PHYSICAL, "physical memory", 1)


@pytest.mark.parametrize("level", ["a/b/c", "a/b", "a", "."])
@pytest.mark.parametrize("file", ["memory.max", "memory.high"])
def test_v2_limit_of_any_level_binds(tree, level, file):
    tree.v2("/a/b/c")
    for other in ("a/b/c", "a/b", "a"):
        tree.write(f"sys/fs/cgroup/{other}/memory.max", "max")
    tree.write(f"sys/fs/cgroup/{level}/{file}", 500 * MB)
    limit = tree.limit()
    assert limit.bytes == 500 * MB
    assert file in limit.source
    assert str(Path("/") / level) in limit.source


def test_v2_least_of_several_levels(tree):
    tree.v2("/a/b")
    tree.write("sys/fs/cgroup/a/b/memory.max", 900 * MB)
    tree.write("sys/fs/cgroup/a/memory.max", 700 * MB)
    tree.write("sys/fs/cgroup/a/memory.high", 800 * MB)
    tree.write("sys/fs/cgroup/sibling/memory.max", MB)
    limit = tree.limit()
    assert limit.bytes == 700 * MB
    assert sorted(c.value for c in limit.candidates[:-1]) == [700 * MB, 800 * MB, 900 * MB]


@pytest.mark.parametrize("level", ["job/step", "job", "."])
def test_v1_limit_of_any_level_binds(tree, level):
    tree.v1("memory", "/job/step", "/sys/fs/cgroup/memory")
    tree.v1("cpu,cpuacct", "/other", "/sys/fs/cgroup/cpu,cpuacct")
    for other in ("job/step", "job", "."):
        tree.write(f"sys/fs/cgroup/memory/{other}/memory.limit_in_bytes", V1_NONE)
    tree.write(f"sys/fs/cgroup/memory/{level}/memory.limit_in_bytes", 300 * MB)
    tree.write("sys/fs/cgroup/memory/other/memory.limit_in_bytes", MB)
    assert tree.limit().bytes == 300 * MB


def test_v1_no_limit_is_none(tree):
    tree.v1("memory", "/", "/sys/fs/cgroup/memory")
    tree.write("sys/fs/cgroup/memory/memory.limit_in_bytes", V1_NONE)
    assert [c.source for c in tree.limit().candidates] == ["physical memory"]


def test_hybrid_reads_the_memory_controller_of_v1(tree):
    tree.v1("name=systemd", "/x", "/sys/fs/cgroup/systemd")
    tree.v1("memory", "/slice", "/sys/fs/cgroup/memory")
    tree.v2("/slice", "/sys/fs/cgroup/unified")
    tree.write("sys/fs/cgroup/memory/slice/memory.limit_in_bytes", 200 * MB)
    tree.write("sys/fs/cgroup/unified/slice/cgroup.procs", 1)
    assert tree.limit().bytes == 200 * MB


def test_mount_point_elsewhere_with_a_space(tree):
    tree.v1("memory", "/job", "/my cgroups/memory")
    tree.write("my cgroups/memory/job/memory.limit_in_bytes", 100 * MB)
    assert tree.limit().bytes == 100 * MB


def test_container_without_namespace_sees_its_group_at_the_mount_point(tree):
    tree.v1("memory", "/docker/abc/inner", "/sys/fs/cgroup/memory", mount_root="/docker/abc")
    tree.write("sys/fs/cgroup/memory/inner/memory.limit_in_bytes", V1_NONE)
    tree.write("sys/fs/cgroup/memory/memory.limit_in_bytes", 150 * MB)
    assert tree.limit().bytes == 150 * MB


@pytest.mark.parametrize("path", ["/../outside", "/elsewhere"])
def test_group_outside_the_mount_falls_back_to_the_mount_point(tree, path):
    tree.v2(path, mount_root="/" if ".." in path else "/docker/abc")
    tree.write("sys/fs/cgroup/memory.max", 250 * MB)
    assert tree.limit().bytes == 250 * MB


@pytest.mark.parametrize("text", ["", "garbage", "12 34", "-1"])
def test_damaged_files_are_no_limit(tree, text):
    tree.v2("/")
    tree.write("sys/fs/cgroup/memory.max", text)
    tree.mounts.append("short line")
    assert tree.limit().bytes == PHYSICAL


def test_slurm_variables(tree):
    assert tree.limit({"SLURM_MEM_PER_NODE": "4096"}).bytes == 4096 * MB
    assert tree.limit({"SLURM_MEM_PER_NODE": "4G"}).bytes == 4096 * MB
    per_cpu = tree.limit({"SLURM_MEM_PER_CPU": "1000", "SLURM_CPUS_ON_NODE": "8", "SLURM_CPUS_PER_TASK": "2"})
    assert (per_cpu.bytes, per_cpu.source) == (8000 * MB, "SLURM_MEM_PER_CPU x 8")
    assert tree.limit({"SLURM_MEM_PER_CPU": "1000", "SLURM_CPUS_PER_TASK": "2"}).bytes == 2000 * MB
    assert tree.limit({"SLURM_MEM_PER_CPU": "1000"}).bytes == 1000 * MB


@pytest.mark.parametrize("value", ["0", "", "all of it"])
def test_slurm_zero_and_malformed_are_no_limit(tree, value):
    assert tree.limit({"SLURM_MEM_PER_NODE": value}).bytes == PHYSICAL


def test_of_address_space_what_libraries_reserve_is_no_memory(tree):
    limit = tree.limit(rlimit=lambda asked: (6 * 2**30, 9 * 2**30) if asked == resource.RLIMIT_AS else NO_RLIMIT)
    assert (limit.bytes, limit.source) == (2 * 2**30, "RLIMIT_AS")


def address_space(size):
    return lambda asked: (size, size) if asked == resource.RLIMIT_AS else NO_RLIMIT


def test_too_little_address_space_is_named_and_not_called_a_budget(tree):
    with pytest.raises(MemoryBudgetError) as error:
        tree.budget(own_bytes=180_000_000, rlimit=address_space(2**32 + 10_000_000))
    assert str(error.value) == (
        "The libraries reserve 4.3 GB of address space before they use any of it, and the process holds 0.18 GB at its "
        "start. Found a limit of 4.3 GB (ulimit -v, RLIMIT_AS). Raise it, or bound memory by --max-memory-gb instead."
    )
    assert tree.budget(own_bytes=180_000_000, rlimit=address_space(2**32 + 190_000_000)).bytes == 190_000_000


@pytest.mark.parametrize(
    ("gigabytes", "rlimit", "told"),
    [
        (1, address_space(2**32 + 500_000_000), "The limit is RLIMIT_AS (ulimit -v), less the 4.3 GB of address space"),
        (None, lambda which: NO_RLIMIT, "The limit is physical memory."),
        (1, lambda which: NO_RLIMIT, None),
    ],
)
def test_an_error_of_the_budget_says_which_limit_it_is_unless_the_user_gave_it(tree, gigabytes, rlimit, told):
    def fails():
        with named_limit(tree.budget(gigabytes, rlimit=rlimit)):
            raise MemoryBudgetError("It must fit", "It needs more", "Do this")

    with pytest.raises(MemoryBudgetError) as error:
        fails()
    assert told in str(error.value) if told else str(error.value) == "It must fit. It needs more. Do this."


@pytest.mark.parametrize(
    ("rlimit", "gigabytes", "action"),
    [
        (8 * 2**30, None, "Raise ulimit -v, or take fewer genes"),
        (8 * 2**30, 1.0, "Raise --max-memory-gb, or take fewer genes"),
        (resource.RLIM_INFINITY, None, "Take a machine with more memory, or take fewer genes"),
    ],
)
def test_what_is_to_be_raised_is_the_least_limit(tree, rlimit, gigabytes, action):
    limits = {resource.RLIMIT_AS: (rlimit, rlimit)}
    budget = tree.budget(gigabytes, rlimit=lambda which: limits.get(which, NO_RLIMIT))
    with pytest.raises(MemoryBudgetError, match=action), named_limit(budget):
        raise MemoryBudgetError("It must fit", "It needs more", "Raise --max-memory-gb, or take fewer genes")


@pytest.mark.parametrize("name", ["RLIMIT_RSS", "RLIMIT_DATA"])
def test_soft_rlimits_bind(tree, name):
    which = getattr(resource, name)
    limit = tree.limit(rlimit=lambda asked: (3 * 2**30, 4 * 2**30) if asked == which else NO_RLIMIT)
    assert (limit.bytes, limit.source) == (3 * 2**30, name)


def test_real_rlimit_in_a_subprocess():
    code = (
        "import resource; resource.setrlimit(resource.RLIMIT_RSS, (123456789, resource.RLIM_INFINITY));"
        "from meta_models.resources import memory_limit; limit = memory_limit(environ={});"
        "assert limit.bytes <= 123456789, limit;"
        "print(*[c.value for c in limit.candidates if c.source == 'RLIMIT_RSS'])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "123456789\n"


def test_budget_is_the_users_where_that_is_less(tree):
    assert tree.budget(2).bytes == 2 * 10**9
    assert tree.budget(2).source == "--max-memory-gb"
    assert tree.budget(1e6).bytes == PHYSICAL


def test_available_counts_what_others_use_but_not_their_cache(tree):
    tree.v2("/a")
    tree.write("sys/fs/cgroup/a/memory.max", 1000 * MB)
    tree.write("sys/fs/cgroup/a/memory.current", 700 * MB)
    tree.write("sys/fs/cgroup/a/memory.stat", f"anon 5\ninactive_file {100 * MB}\nactive_file {MB}")
    budget = tree.budget(own_bytes=50 * MB)
    assert budget.bytes == 1000 * MB
    assert budget.available == (1000 - 700 + 100 + 50) * MB


def test_available_v1_and_machine(tree):
    tree.v1("memory", "/a", "/sys/fs/cgroup/memory")
    tree.write("sys/fs/cgroup/memory/a/memory.limit_in_bytes", 1000 * MB)
    tree.write("sys/fs/cgroup/memory/a/memory.usage_in_bytes", 600 * MB)
    tree.write("sys/fs/cgroup/memory/a/memory.stat", f"inactive_file 1\ntotal_inactive_file {200 * MB}")
    assert tree.budget().available == 600 * MB
    tree.write("proc/meminfo", f"MemTotal: {PHYSICAL // 1024} kB\nMemAvailable: {10 * 1024} kB")
    assert tree.budget(own_bytes=5 * MB).available == 15 * MB


def test_real_budget_is_positive_and_no_more_than_the_machine():
    budget = memory_budget(0.5)
    assert 0 < budget.available <= budget.bytes <= 5 * 10**8


@pytest.mark.parametrize(("text", "count"), [("max 100000", 64), ("150000 100000", 2), ("10000 100000", 1), ("", 64)])
def test_cpu_quota_v2_is_rounded_up(tree, text, count):
    tree.v2("/a/b")
    tree.write("sys/fs/cgroup/a/b/cpu.max", "max 100000")
    tree.write("sys/fs/cgroup/a/cpu.max", text)
    assert tree.cpus().count == count


@pytest.mark.parametrize(("quota", "count"), [(-1, 64), (300000, 3), (250001, 3)])
def test_cpu_quota_v1(tree, quota, count):
    tree.v1("cpu,cpuacct", "/a", "/sys/fs/cgroup/cpu,cpuacct")
    tree.write("sys/fs/cgroup/cpu,cpuacct/a/cpu.cfs_quota_us", quota)
    tree.write("sys/fs/cgroup/cpu,cpuacct/a/cpu.cfs_period_us", 100000)
    assert tree.cpus().count == count


def test_cpu_environment_and_user(tree):
    assert tree.cpus(environ={"OMP_NUM_THREADS": "4,2"}).count == 4
    assert tree.cpus(environ={"OMP_NUM_THREADS": "4", "SLURM_CPUS_PER_TASK": "3"}).source == "SLURM_CPUS_PER_TASK"
    assert tree.cpus(5, environ={"OMP_NUM_THREADS": "8"}).source == "--threads"
    assert tree.cpus(500).count == 64
    assert tree.cpus(environ={"OMP_NUM_THREADS": "many", "SLURM_CPUS_PER_TASK": "0"}).count == 64


def test_cpu_count_of_this_process():
    assert 1 <= cpu_count() <= len(os.sched_getaffinity(0))
    assert cpu_count(1) == 1


def test_oom_kills(tree):
    assert tree.ooms() is None
    tree.write("proc/vmstat", "nr_free_pages 1\noom_kill 9")
    assert tree.ooms() == 9
    tree.v2("/a")
    tree.write("sys/fs/cgroup/memory.events", "oom 4\noom_kill 8\noom_group_kill 0")
    tree.write("sys/fs/cgroup/a/memory.events", "low 0\noom 2\noom_kill 3\noom_group_kill 0")
    assert tree.ooms() == 3
    tree.v1("memory", "/a", "/sys/fs/cgroup/memory")
    tree.write("sys/fs/cgroup/memory/a/memory.oom_control", "oom_kill_disable 0\nunder_oom 0\noom_kill 5")
    assert tree.ooms() == 5


def test_free_disk_of_a_path_that_does_not_exist(tmp_path):
    assert free_disk(tmp_path / "not" / "there") > 0
