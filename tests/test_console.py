"""What the command says, to readers that go away, full disks and closed streams, and where there is no memory."""

from __future__ import annotations

import resource
import subprocess
import sys
from pathlib import Path

import pytest

from meta_models import console
from meta_models.errors import MemoryBudgetError
from meta_models.resources.limits import ADDRESS_SPACE_MARGIN, require_address_space

COMMAND = f"'{sys.executable}' -m meta_models"


def shell(line: str, folder: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(["bash", "-c", line], capture_output=True, text=True, cwd=folder, check=False)


@pytest.mark.parametrize(
    ("line", "code"),
    [
        ("train --help | true", 0),
        ("train --dataset demo --dry-run --sample-genes 20 | true", 0),
        ("verify-model nothing.pkl 2>&1 | true", 3),
        ("verify-model nothing.pkl >&-", 3),
        ("verify-model nothing.pkl 2>&-", 3),
        ("train --nonsense 2>&1 | true", 2),
    ],
)
def test_a_reader_that_goes_away_costs_neither_a_traceback_nor_the_code(line: str, code: int, tmp_path: Path) -> None:
    done = shell(f"{COMMAND} {line}; echo code ${{PIPESTATUS[0]}} >&2", tmp_path)
    assert f"code {code}" in done.stderr
    assert "Traceback" not in done.stderr
    assert "Exception ignored" not in done.stderr


def test_the_log_of_a_run_may_be_cut_off(tmp_path: Path) -> None:
    program = (
        "import logging, time; from meta_models import console; from meta_models.cli.logs import set_up_logging\n"
        "import sys; set_up_logging(sys.stdout, everything=True, units=False)\n"
        "log = logging.getLogger('meta_models.pipeline.run'); time.sleep(0.5)\n"
        "[log.info('line %d', k) for k in range(1000)]; console.finish(); sys.stderr.write('done\\n')"
    )
    done = shell(f"'{sys.executable}' -c \"{program}\" | true; echo code ${{PIPESTATUS[0]}} >&2", tmp_path)
    assert done.stderr == "done\ncode 0\n"


def test_nothing_but_this_module_writes_to_the_standard_output() -> None:
    """What does so by itself ends in a traceback where the reader has gone, or the disk is full."""
    package = Path(console.__file__).parent
    own = {package / "console.py", package / "inference" / "verify.py"}  # the latter answers its parent process
    found = [file for file in package.rglob("*.py") if "stdout.write(" in file.read_text(encoding="utf-8")]
    assert not set(found) - own


def test_a_list_may_be_cut_off_or_find_a_full_disk(tmp_path: Path) -> None:
    done = shell(f"{COMMAND} learners | true; echo code ${{PIPESTATUS[0]}} >&2", tmp_path)
    assert done.stderr == "code 0\n"
    done = shell(f"{COMMAND} learners > /dev/full", tmp_path)
    assert done.returncode == 73
    assert done.stderr == "error: Standard output must be writable. Found: No space left on device.\n"


def test_a_full_disk_under_the_output_ends_with_73(tmp_path: Path) -> None:
    done = shell(f"{COMMAND} train --dataset demo --dry-run --sample-genes 20 > /dev/full", tmp_path)
    assert done.returncode == 73
    assert done.stderr.splitlines()[-1] == "error: Standard output must be writable. Found: No space left on device."


def test_names_that_are_no_text_can_be_said(tmp_path: Path) -> None:
    done = subprocess.run(
        [*COMMAND.replace("'", "").split(), "verify-model", b"d\xe9.pkl"],
        capture_output=True,
        cwd=tmp_path,
        check=False,
    )
    assert (done.returncode, done.stderr.count(b"d\\udce9.pkl")) == (3, 2)


def test_too_little_address_space_is_said_before_a_library_is_loaded(tmp_path: Path) -> None:
    done = shell(f"ulimit -v 1500000; {COMMAND} verify-model nothing.pkl", tmp_path)
    assert done.returncode == 71
    assert done.stderr.startswith("error: The libraries reserve 4.3 GB of address space")
    assert "Found a limit of 1.5 GB (ulimit -v, RLIMIT_AS)" in done.stderr


@pytest.mark.parametrize(("limit", "refused"), [(ADDRESS_SPACE_MARGIN, True), (ADDRESS_SPACE_MARGIN + 1, False)])
def test_the_limit_of_address_space(limit: int, refused: bool) -> None:
    if refused:
        with pytest.raises(MemoryBudgetError, match="Raise it, or bound memory by --max-memory-gb"):
            require_address_space(getrlimit=lambda which: (limit, resource.RLIM_INFINITY))
    else:
        require_address_space(getrlimit=lambda which: (limit, resource.RLIM_INFINITY))
    require_address_space(getrlimit=lambda which: (resource.RLIM_INFINITY, resource.RLIM_INFINITY))


@pytest.mark.parametrize(
    ("how", "line"),
    [
        ("", "interrupted\n"), (console.AGAIN, "interrupted (goes on from here with the same command)\n"),
        (console.RESUME, "interrupted (goes on from here with --resume)\n"), (None, ""),
    ],
)  # fmt: skip
def test_a_command_that_was_interrupted_says_what_goes_on(how: str | None, line: str) -> None:
    token = console.GOES_ON.set(how)
    assert console.interrupted() == line
    console.GOES_ON.reset(token)
