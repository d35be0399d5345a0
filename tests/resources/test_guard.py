"""Memory of a process tree, and the guard that keeps a budget; in subprocesses where they end by it."""

import contextlib
import os
import signal
import subprocess
import sys
import threading
import time

import numpy as np
import psutil
import pytest

from meta_models.errors import MemoryBudgetError
from meta_models.resources import PeakSampler, apply_address_space_limit, tree_memory, tree_pss, usage
from meta_models.resources.guard import GUARD_SIGNAL

MB = 2**20


def run(code: str, timeout: float = 60) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=timeout, check=False)


def wait_until_seen(sampler: PeakSampler, peak: int) -> None:
    """Return once the sampler, which takes its time on a busy machine, has seen a peak; or after ten seconds."""
    late = time.monotonic() + 10
    while (sampler.peak_bytes or 0) < peak and time.monotonic() < late:
        time.sleep(0.02)


def test_tree_memory_of_this_process():
    before = tree_memory()
    held = np.ones(512 * MB // 8)  # far more than what the shares of libraries shift by when other processes end
    after = tree_memory()
    assert after.bytes - before.bytes == pytest.approx(held.nbytes, rel=0.1)
    assert (after.method, after.processes >= 1) == ("pss", True)


def test_tree_memory_counts_children_and_shared_pages_once():
    code = (
        "import os, sys, time, numpy as np\n"
        "held = np.ones(100 * 2**20 // 8)\n"
        "if os.fork() == 0:\n"
        "    own = np.ones(50 * 2**20 // 8); print('ready', flush=True); time.sleep(60)\n"
        "time.sleep(60)"
    )
    parent = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True, start_new_session=True)
    try:
        parent.stdout.readline()
        found = tree_memory(parent.pid)
        assert found.processes == 2
        assert 150 * MB < found.bytes < 200 * MB
    finally:
        os.killpg(parent.pid, signal.SIGKILL)
        parent.communicate()


def test_pages_that_a_process_outside_the_tree_shares_count_in_full(tmp_path):
    file = tmp_path / "mapped"
    file.write_bytes(bytes(100 * MB))
    code = (
        "import mmap, sys\n"
        "with open(sys.argv[1], 'rb') as file: held = mmap.mmap(file.fileno(), 0, prot=mmap.PROT_READ)\n"
        "sum(held[::4096]); print('ready', flush=True); sys.stdin.read()"
    )
    found, before = [], tree_pss()
    with contextlib.ExitStack() as stack:
        for _ in range(3):
            command = [sys.executable, "-c", code, str(file)]
            process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
            stack.enter_context(process)
            stack.callback(process.communicate)
            assert process.stdout.readline() == "ready\n"
            found.append(process.pid)
        alone = [tree_pss(pid) for pid in found]
        together = tree_pss() - before
    assert all(100 * MB < bytes_ < 130 * MB for bytes_ in alone)
    assert together < 200 * MB  # they share the pages, and are all of the tree of this process


def test_tree_memory_of_a_process_that_is_gone():
    ended = subprocess.Popen([sys.executable, "-c", ""])
    ended.wait()
    assert tree_pss(ended.pid) == 0


@pytest.mark.parametrize("lists", [True, False])
def test_the_tree_has_children_of_every_thread_and_their_children(monkeypatch, lists):
    monkeypatch.setattr(usage, "_LISTS_CHILDREN", lists and usage._LISTS_CHILDREN)
    program = (
        "import subprocess, sys, threading\n"
        "def start():\n"
        "    shell = subprocess.Popen(['sh', '-c', 'sleep 60 & echo $!; wait'], stdout=subprocess.PIPE, text=True)\n"
        "    sys.stdout.write(f'{shell.pid} {shell.stdout.readline()}')\n"
        "    sys.stdout.flush()\n"
        "thread = threading.Thread(target=start); thread.start(); thread.join(); sys.stdin.read()"
    )
    parent = subprocess.Popen(
        [sys.executable, "-c", program],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    try:
        others = {int(pid) for pid in parent.stdout.readline().split()}
        assert sorted(usage.tree_pids(parent.pid)) == sorted({parent.pid, *others})
    finally:
        os.killpg(parent.pid, signal.SIGKILL)
        parent.communicate()
    assert usage.tree_pids(parent.pid) == []


def test_falls_back_to_resident_size_and_says_so(monkeypatch):
    monkeypatch.setattr("meta_models.resources.usage._shares", lambda pid: None)
    found = tree_memory()
    assert found.method == "rss"
    assert found.bytes > 0


def test_sampler_finds_a_peak_that_is_gone_at_the_end():
    before = tree_pss()
    with PeakSampler(period=0.02) as sampler:
        held = np.ones(150 * MB // 8)
        wait_until_seen(sampler, before + 100 * MB)
        del held
    assert sampler.peak_bytes - before == pytest.approx(150 * MB, rel=0.2)
    assert tree_pss() < sampler.peak_bytes
    assert sampler.method == "pss"


def test_each_lap_has_a_peak_of_its_own():
    with PeakSampler(period=0.02) as sampler:
        held = np.ones(150 * MB // 8)
        time.sleep(0.3)
        first = sampler.lap()
        del held
        sampler.lap()
        second = sampler.lap()
    assert first - second == pytest.approx(150 * MB, rel=0.2)
    assert sampler.peak_bytes >= first


def test_sampler_leaves_no_thread_and_puts_the_handler_back():
    before = signal.getsignal(GUARD_SIGNAL)
    with PeakSampler(10**12, period=0.02):
        assert signal.getsignal(GUARD_SIGNAL) != before
    assert signal.getsignal(GUARD_SIGNAL) == before
    assert "memory-sampler" not in {thread.name for thread in threading.enumerate()}


def test_guard_that_is_above_its_line_at_the_start_raises_at_once():
    before = signal.getsignal(GUARD_SIGNAL)
    with pytest.raises(MemoryBudgetError, match=r"budget of 0\.00 GB"), PeakSampler(MB):
        pytest.fail("the block was entered")
    assert signal.getsignal(GUARD_SIGNAL) == before


def test_outside_the_main_thread_it_only_measures(caplog):
    peaks = []

    def work():
        line = tree_pss() + 50 * MB
        with PeakSampler(line, period=0.02) as sampler:
            held = np.ones(80 * MB // 8)
            wait_until_seen(sampler, line)
            peaks.append(sampler.peak_bytes)
            del held

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert peaks
    assert "only measured" in caplog.text


HEAD = """
import sys, time, signal, numpy as np
from meta_models.errors import MemoryBudgetError
from meta_models.resources import PeakSampler, tree_pss
MB = 2**20
budget = tree_pss() + 300 * MB
"""


def test_guard_stops_an_allocation_loop_with_the_contracts_error():
    code = (
        HEAD
        + """
held = []
previous = signal.getsignal(signal.SIGRTMIN + 7)
try:
    with PeakSampler(budget, period=0.05, advice="Lower --max-bin") as sampler:
        while len(held) < 4000:
            held.append(np.ones(MB // 8)); time.sleep(0.004)
except MemoryBudgetError as error:
    assert signal.getsignal(signal.SIGRTMIN + 7) == previous
    assert 0.9 * budget < sampler.peak_bytes < 1.1 * budget, (sampler.peak_bytes, budget)
    print(error, file=sys.stderr); sys.exit(error.exit_code)
"""
    )
    done = run(code)
    assert done.returncode == 71, done.stderr
    assert "memory budget of 0.3" in done.stderr
    assert "The process tree reached 0.3" in done.stderr
    assert "Lower --max-bin" in done.stderr
    assert "Traceback" not in done.stderr


def test_guard_counts_children_and_wakes_a_blocking_wait():
    code = (
        HEAD
        + """
import subprocess
grow = "import numpy as np, time; held = np.ones(400 * 2**20 // 8); time.sleep(60)"
child = subprocess.Popen([sys.executable, "-c", grow])
started = time.monotonic()
try:
    with PeakSampler(budget, period=0.05):
        child.wait()
except MemoryBudgetError as error:
    child.kill(); child.wait()
    assert time.monotonic() - started < 20
    sys.exit(error.exit_code)
"""
    )
    assert run(code).returncode == 71


def test_native_call_that_does_not_come_back_ends_the_process_and_its_children():
    code = (
        HEAD
        + """
import ctypes, subprocess, threading
child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])
print(child.pid, flush=True)
def grow():
    time.sleep(0.3); global held; held = np.ones(500 * MB // 8)
threading.Thread(target=grow, daemon=True).start()
with PeakSampler(budget, period=0.05, on_hard_stop=lambda text: print("told:", text[:7], flush=True)):
    signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGRTMIN + 7])  # as a call that never looks at signals
    ctypes.CDLL(None).sleep(30)
"""
    )
    started = time.monotonic()
    done = run(code)
    assert done.returncode == 71, done.stderr
    assert time.monotonic() - started < 25
    assert done.stderr.startswith("error: The run must stay within its memory budget")
    assert "told: The run" in done.stdout
    child = int(done.stdout.split()[0])
    assert not psutil.pid_exists(child) or psutil.Process(child).status() == psutil.STATUS_ZOMBIE


def test_swallowed_interruption_is_repeated():
    code = (
        HEAD
        + """
held, caught = [], 0
try:
    with PeakSampler(budget, period=0.05):
        while True:
            try:
                while len(held) < 290: held.append(np.ones(MB // 8)); time.sleep(0.001)
                time.sleep(30)
            except MemoryBudgetError:
                caught += 1
                if caught == 2: raise
except MemoryBudgetError: sys.exit(caught)
"""
    )
    assert run(code).returncode == 2


def test_address_space_limit_makes_allocations_fail():
    code = """
import numpy as np, resource, sys
from meta_models.resources import apply_address_space_limit
bound = apply_address_space_limit(10**9, margin=10**8)
assert resource.getrlimit(resource.RLIMIT_AS)[0] == bound
np.ones(10**8 // 8)
try: np.ones(2 * 10**9 // 8)
except MemoryError: sys.exit(71)
"""
    assert run(code).returncode == 71


def test_address_space_is_as_it_was_after_the_block():
    code = """
import resource, sys
from meta_models.resources import address_space_limit
before = resource.getrlimit(resource.RLIMIT_AS)
try:
    with address_space_limit(10**9):
        assert resource.getrlimit(resource.RLIMIT_AS) != before
        raise KeyError
except KeyError: sys.exit(0 if resource.getrlimit(resource.RLIMIT_AS) == before else 1)
"""
    done = run(code)
    assert done.returncode == 0, done.stderr


def test_address_space_limit_below_what_is_held():
    with pytest.raises(MemoryBudgetError, match="hard memory limit"):
        apply_address_space_limit(MB)
