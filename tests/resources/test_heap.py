import resource
import subprocess
import sys

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
