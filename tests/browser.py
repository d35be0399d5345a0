"""Looks at a report in Chromium, if there is one."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
needs_chromium = pytest.mark.skipif(CHROMIUM is None, reason="no Chromium is installed (Debian's package chromium)")

#: Sorts the table of genes, and writes into the title: pictures that were decoded, whether the table is sorted, by how
#: many pixels the page is too wide, what was loaded beside the page, tables without a way to sort them.
_PROBE = """<script>addEventListener("load", function () {
  var images = Array.from(document.images), table = document.querySelector("#genes table");
  table.closest("details").open = true;
  var heads = Array.from(table.querySelectorAll("th"));
  var head = heads.filter(function (th) { return th.textContent === "log_loss_meta"; })[0];
  head.querySelector("button").click();
  var rows = Array.from(table.tBodies[0].rows);
  var values = rows.map(function (r) { return +r.cells[head.cellIndex].dataset.v; });
  var sorted = values.every(function (v, k) { return k === 0 || values[k - 1] >= v; });
  var wide = document.documentElement.scrollWidth - document.documentElement.clientWidth;
  var shown = images.filter(function (i) { return i.complete && i.naturalWidth > 100; }).length;
  var loaded = performance.getEntriesByType("resource").filter(function (e) { return !/^data:/.test(e.name); }).length;
  var fixed = Array.from(document.querySelectorAll("table")).filter(function (t) {
    return !t.querySelector("th button"); }).length;
  document.title = ["PROBE", shown, sorted, wide, loaded, fixed].join(" ");
});</script></body>"""


def probed(page: str, folder: Path, *, width: int) -> tuple[str, str]:
    """The title that the probe leaves behind, and what Chromium's console said."""
    path = folder / "report.html"
    path.write_text(page.replace("</body>", _PROBE), encoding="utf-8")
    command = [
        str(CHROMIUM), "--headless", "--no-sandbox", "--disable-gpu", "--disable-background-networking",
        "--disable-quic", "--no-first-run", "--disable-component-update", "--disable-sync", "--disable-dev-shm-usage",
        f"--user-data-dir={folder / 'profile'}", f"--window-size={width},900", "--enable-logging=stderr", "--v=0",
        "--virtual-time-budget=8000", "--dump-dom", path.as_uri(),
    ]  # fmt: skip
    found = subprocess.run(command, capture_output=True, text=True, timeout=240, check=True)
    title = re.search(r"<title>(.*?)</title>", found.stdout)
    console = "\n".join(line for line in found.stderr.splitlines() if "CONSOLE" in line)
    return title.group(1) if title else "", console
