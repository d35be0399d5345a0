"""Lines of text files: what is data, where it stands, and that nothing is lost."""

from __future__ import annotations

import gzip
from pathlib import Path

import pytest
from fuzzing import BOM, FUZZ, PACKING, data_lines, texts, written
from hypothesis import given
from hypothesis import strategies as st

from meta_models.build.inputs.text_lines import TextLines, decimal_number, whole_number
from meta_models.errors import InputError


def test_comments_empty_lines_crlf_and_byte_order_mark(tmp_path: Path) -> None:
    path = written(tmp_path, "a.txt", BOM + b"# first\r\nx\ty\r\n\r\n  \n#z\nlast")
    lines = TextLines(path)
    assert list(lines) == [(2, "x\ty"), (6, "last")]
    assert (lines.total, lines.comments, lines.blank, lines.data) == (6, 2, 2, 2)
    assert lines.last_comment == "# first"


def test_gzip_is_told_by_its_content_and_may_have_several_members(tmp_path: Path) -> None:
    path = written(tmp_path, "a.txt", gzip.compress(b"a\n") + gzip.compress(b"b\n"))
    assert [text for _, text in TextLines(path)] == ["a", "b"]


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (gzip.compress(b"a\nb\n" * 1000, mtime=0)[:-6], "readable to its end.*at or near its start.*copy it again"),
        (b"\x1f\x8bnonsense", "readable to its end"),
        (b"good\nb\xff\n", "line 2: expected UTF-8 text"),
        (b"\xff\xfea\x00", "line 1: expected UTF-8 text"),
        (b"a" * (2**24 + 1), "line 1: expected a line of text"),
    ],
)
def test_what_is_no_text_is_refused_by_line(tmp_path: Path, data: bytes, message: str) -> None:
    with pytest.raises(InputError, match=message):
        list(TextLines(written(tmp_path, "a", data)))


def test_a_file_that_is_not_there_is_an_input_error(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="must be readable"):
        list(TextLines(tmp_path / "none"))


@FUZZ
@given(raw=texts([st.sampled_from(["a", "b c"]), st.sampled_from(["1", ""])]), pack=PACKING)
def test_every_line_is_counted(raw: bytes, pack: object, tmp_path_factory: pytest.TempPathFactory) -> None:
    path = written(tmp_path_factory.getbasetemp(), "lines", pack(raw))  # type: ignore[operator]
    lines = TextLines(path)
    try:
        found = [text for _, text in lines]
    except InputError:
        return
    assert lines.total == lines.comments + lines.blank + lines.data
    if not path.read_bytes().startswith(b"\x1f\x8b"):
        assert found == data_lines(raw)
        assert lines.total == len(raw.split(b"\n")) - raw.endswith(b"\n") - (not raw)


@pytest.mark.parametrize(
    ("text", "whole", "decimal"),
    [("12", 12, 12.0), ("-1", None, -1.0), ("1_0", None, None), ("٣", None, None), ("", None, None),
     ("1.5e-3", None, 0.0015), ("9" * 19, None, float("9" * 19)), ("0x1", None, None), ("inf", None, float("inf"))],
)  # fmt: skip
def test_numbers(text: str, whole: int | None, decimal: float | None) -> None:
    assert whole_number(text) == whole
    assert decimal_number(text) == decimal
