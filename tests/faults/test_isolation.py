"""What a run touches beside its own folder: nothing; and what its report makes of hostile names: text."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import polars as pl
import pytest
from tables import make_frame, write_table

MARKUP = "<script>alert(1)</script>"
#: The run is watched by Python's audit hook: addresses that are looked up or connected to, files opened for writing.
WATCHED = """
import os, sys
out = os.path.realpath(sys.argv[1])
def watch(event, arguments):
    if event in ("socket.connect", "socket.getaddrinfo", "socket.bind", "socket.sendto"):
        os.write(2, f"NETWORK {event} {arguments}\\n".encode()); os._exit(99)
    if event == "open" and isinstance(arguments[0], str) and isinstance(arguments[2], int):
        writes = arguments[2] & (os.O_WRONLY | os.O_RDWR | os.O_CREAT)
        path = os.path.realpath(arguments[0])
        if writes and not path.startswith((out, "/dev/", "/proc/")):
            os.write(2, f"OUTSIDE {path}\\n".encode())
sys.addaudithook(watch)
from meta_models.cli import main
sys.exit(main(["train", "--out-dir", *sys.argv[1:]]))
"""


@pytest.fixture(scope="module")
def watched(tmp_path_factory: pytest.TempPathFactory) -> tuple[subprocess.CompletedProcess[str], Path]:
    """A run on a table of hostile names, with a home where not even root can write, and the folder of all."""
    root = tmp_path_factory.mktemp("isolated")
    frame = make_frame(n_genes=12).with_columns(
        gene_id=MARKUP + pl.col("gene_id"), chrom=MARKUP + pl.col("chrom"), **{MARKUP: pl.col("feature_1")}
    )
    write_table(root / "table", frame)
    for name in ("work", "temporary"):
        (root / name).mkdir()
    (root / "home").touch()
    out = root / "out"
    options = ["--n-estimators", "3", "--n-folds", "2", "--bootstrap-samples", "5", "--shap-rows", "20"]
    analyses = ["--analyses", "base-vs-meta", "features", "importance", "shap", "sites", "genes", "bins"]
    home = {"HOME": str(root / "home" / "user"), "TMPDIR": str(root / "temporary")}
    home |= {"PYTHONPATH": os.pathsep.join(sys.path), "PYTHONDONTWRITEBYTECODE": "1"}
    kept = {name: os.environ[name] for name in ("PATH", "LD_LIBRARY_PATH", "LANG") if name in os.environ}
    done = subprocess.run(
        [sys.executable, "-c", WATCHED, str(out), "--dataset", str(root / "table"), *options, *analyses],
        cwd=root / "work", env={**kept, **home},
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    return done, root


def test_no_network_and_no_file_elsewhere(watched: tuple[subprocess.CompletedProcess[str], Path]) -> None:
    done, root = watched
    assert done.returncode == 0, done.stderr
    assert "NETWORK" not in done.stderr
    assert "OUTSIDE" not in done.stderr
    assert done.stderr == ""
    for name in ("work", "temporary"):
        assert list((root / name).rglob("*")) == []


def test_markup_in_names_is_text_in_the_report(watched: tuple[subprocess.CompletedProcess[str], Path]) -> None:
    _, root = watched
    page = (root / "out" / "report.html").read_text()
    assert MARKUP not in page
    assert "&lt;script&gt;alert(1)" in page
    assert not re.search(r"(src|href)=[\"']?(https?:)?//", page)
