"""README and docs: links lead somewhere, commands are ones that the command line takes, named files exist."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import unquote

import pytest

from meta_models.cli import build_parser
from meta_models.cli.options import learners_in

ROOT = Path(__file__).parents[1]
PAGES = sorted([ROOT / "README.md", ROOT / "results" / "README.md", *(ROOT / "docs").glob("*.md")])
FENCE = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
INLINE = re.compile(r"`([^`]+)`")
LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")
SCRIPT = re.compile(r"\b(?:benchmarks|examples)/\w+\.py\b")
#: Programs and modules whose arguments the parser takes, and the command that a module stands for.
MODULES = {
    "meta_models": [],
    "meta_models.training.run_gene_cv_sigmoid": ["train"],
    "meta_models.inference.predict": ["predict"],
}


def text_of(page: Path) -> str:
    return page.read_text(encoding="utf-8")


def commands_in(text: str) -> Iterator[list[str]]:
    """Arguments of every command of this package in `text`; what other programs are called with is passed over."""
    for language, block in FENCE.findall(text):
        if language == "bash":
            for line in block.replace("\\\n", " ").splitlines():
                yield from arguments_of(shlex.split(line, comments=True))
    for code in INLINE.findall(FENCE.sub("", text)):
        words = code.split()
        if words[:1] == ["meta-models"] and any(word.startswith("--") for word in words[2:]):
            yield words[1:]


def arguments_of(words: list[str]) -> Iterator[list[str]]:
    if not words:
        return
    program = Path(words[0]).name
    if program == "meta-models":
        yield words[1:]
    elif program.startswith("python") and words[1:2] == ["-m"] and words[2].startswith("meta_models"):
        yield [*MODULES[words[2]], *words[3:]]


def anchors_of(page: Path) -> set[str]:
    titles = re.findall(r"^#+ (.+)$", FENCE.sub("", text_of(page)), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in titles}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
class TestPages:
    def test_links_lead_to_files_and_headings(self, page: Path) -> None:
        for link in LINK.findall(FENCE.sub("", text_of(page))):
            if re.match(r"[a-z]+:", link):
                continue
            file, _, anchor = unquote(link).partition("#")
            target = page.parent / file if file else page
            assert target.is_file(), f"{page.name}: {link}"
            assert not anchor or anchor in anchors_of(target), f"{page.name}: {link}"

    def test_commands_parse(self, page: Path, capsys: pytest.CaptureFixture[str]) -> None:
        for words in commands_in(text_of(page)):
            try:
                build_parser(learners_in(words)).parse_args(words)
            except SystemExit:
                pytest.fail(f"{page.name}: meta-models {shlex.join(words)}\n{capsys.readouterr().err}")

    def test_named_scripts_exist(self, page: Path) -> None:
        for name in SCRIPT.findall(text_of(page)):
            assert (ROOT / name).is_file(), f"{page.name}: {name}"


def test_every_page_is_found_from_the_readme() -> None:
    linked = {link.partition("#")[0] for link in LINK.findall(text_of(ROOT / "README.md"))}
    linked |= {f"docs/{link.partition('#')[0]}" for link in LINK.findall(text_of(ROOT / "docs" / "index.md"))}
    assert {f"docs/{page.name}" for page in (ROOT / "docs").glob("*.md")} <= linked | {"docs/index.md"}


def test_the_readme_is_a_door() -> None:
    assert len(text_of(ROOT / "README.md").splitlines()) < 175


def test_the_readme_shows_the_whole_way() -> None:
    shown = [words[0] for words in commands_in(text_of(ROOT / "README.md"))]
    way = ["demo-genome", "build", "train", "predict"]
    assert [command for command in shown if command in way][1:5] == way


@pytest.mark.parametrize(
    "text",
    [
        "```bash\nmeta-models train --no-such-option\n```",
        "```bash\npython -m meta_models train --dataset a \\\n    --max-depht 3\n```",
        "```bash\nmeta-models fly\n```",
        "see `meta-models build --tail 3`",
    ],
)
def test_what_the_parser_does_not_take_is_found(text: str, capsys: pytest.CaptureFixture[str]) -> None:
    (words,) = commands_in(text)
    with pytest.raises(SystemExit):
        build_parser(learners_in(words)).parse_args(words)


def test_commands_of_other_programs_are_passed_over() -> None:
    text = "```bash\npython -m pip install .\n. .venv/bin/activate\n.venv/bin/python -m pytest\n```\n`build`"
    assert list(commands_in(text)) == []
