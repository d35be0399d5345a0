import resource
import subprocess
import sys
from pathlib import Path

import pytest

FAULTS = """
import resource, sys
import numpy as np
from meta_models.resources import keep_freed_memory
if sys.argv[1] == "kept":
    keep_freed_memory()
def faults():
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt
def work():
    for _ in range(20):
        [np.ones(400_000) for _ in range(6)]  # 3.2 MB each: below what numpy asks huge pages for
work()
before = faults()
work()
print(faults() - before)
"""


def faults(how: str) -> int:
    done = subprocess.run([sys.executable, "-c", FAULTS, how], capture_output=True, text=True, check=True)
    return int(done.stdout)


@pytest.mark.skipif(sys.platform != "linux", reason="the GNU C library's allocator")
def test_memory_that_is_kept_is_not_faulted_in_again() -> None:
    pages_of_one = 3_200_000 // resource.getpagesize()
    assert faults("kept") < pages_of_one < faults("given back")


ARENAS = """
import ctypes, sys, threading
from meta_models.resources import share_arenas
if sys.argv[1] == "shared":
    share_arenas()
libc = ctypes.CDLL(None)
libc.malloc.restype = libc.fopen.restype = ctypes.c_void_p
together = threading.Barrier(6)
def work():
    together.wait()
    assert libc.malloc(1000)
    together.wait()
threads = [threading.Thread(target=work) for _ in range(6)]
[thread.start() for thread in threads]
[thread.join() for thread in threads]
file = ctypes.c_void_p(libc.fopen(sys.argv[2].encode(), b"w"))
assert not libc.malloc_info(0, file)
libc.fclose(file)
"""


def arenas(how: str, folder: Path) -> int:
    subprocess.run([sys.executable, "-c", ARENAS, how, str(folder / how)], check=True)
    return (folder / how).read_text().count("<heap nr=")


@pytest.mark.skipif(sys.platform != "linux", reason="the GNU C library's allocator")
def test_threads_share_arenas(tmp_path: Path) -> None:
    assert arenas("shared", tmp_path) <= 2 < arenas("each its own", tmp_path)
