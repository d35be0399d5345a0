"""Names of files are taken letter by letter; addresses are refused, and files that are no text are named as such."""

from __future__ import annotations

from pathlib import Path

import pytest

from meta_models.cli import main
from meta_models.config import TrainingConfig
from meta_models.errors import UsageError
from meta_models.inference.config import PredictConfig
from meta_models.local_paths import is_address, other_encoding, printable, read_utf8


@pytest.mark.parametrize("name", ["https://x.org/t.csv", "file:///t", "S3A://b", "s3:/b/t", "az://b/t"])
def test_addresses_that_nothing_reads_are_refused_before_anything_is_done(name: str) -> None:
    assert is_address(name)
    for option in ("dataset", "out_dir", "eval_dataset", "cache_dir"):
        with pytest.raises(UsageError, match="must be a path on this machine"):
            TrainingConfig.from_mapping({option: name})
    with pytest.raises(UsageError, match="must be a path on this machine, s3://BUCKET/PREFIX or gs://BUCKET/PREFIX"):
        PredictConfig.from_mapping({"model": "m.pkl", "dataset": name, "out": "p.parquet"})


@pytest.mark.parametrize("name", ["s3://b/t.parquet", "gs://b"])
def test_object_stores_are_for_tables_that_are_read(name: str) -> None:
    assert TrainingConfig.from_mapping({"dataset": name}).dataset == name
    for option in ("out_dir", "cache_dir", "teacher"):
        with pytest.raises(UsageError, match="s3:// and gs:// are for tables that are read"):
            TrainingConfig.from_mapping({option: name})


@pytest.mark.parametrize("name", ["chr1:1-2000.parquet", "~/x", "$HOME", "a b", "-x", "x?y#z", "s3", "c:/x", "a//b:/c"])
def test_other_names_are_paths(name: str) -> None:
    assert not is_address(name)
    config = TrainingConfig.from_mapping({"dataset": name, "out_dir": name})
    assert (config.dataset, config.out_dir) == (name, Path(name))


@pytest.mark.parametrize("name", ["", "a\0b"])
def test_what_can_be_no_path_is_refused(name: str) -> None:
    with pytest.raises(UsageError, match="must name a file or a folder"):
        TrainingConfig.from_mapping({"dataset": name})


def test_a_name_that_is_no_text_is_shown_with_escapes() -> None:
    assert printable("d\udce9j\u00e0") == "d\\udce9j\u00e0"


def test_a_byte_order_mark_is_no_part_of_the_text(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"\xef\xbb\xbff1\nf2\n")
    assert read_utf8(tmp_path / "a") == "f1\nf2\n"


@pytest.mark.parametrize(
    ("data", "words"),
    [
        ("f1\n".encode("utf-16"), "UTF-16"),
        (b"\xfe\xff\0f", "UTF-16"),
        (b"f1\0", "binary"),
        (b"PK\3\4...", "workbook"),
        (b"PAR1...", "Parquet"),
        (b"\x1f\x8b...", "gzip"),
        (b"f1\nf\xe92\n", "line 2 holds a character that is no UTF-8"),
    ],
)
def test_what_is_no_text_in_utf8_is_named(data: bytes, words: str, tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(data)
    with pytest.raises(UnicodeError, match=words):
        read_utf8(tmp_path / "a")
    assert other_encoding(b"gene_id,f1\n") is None


@pytest.mark.parametrize("option", ["--exclude-features", "--config", "--targets"])
def test_every_small_file_is_read_by_the_same_rules(
    option: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "a").write_bytes("f1\n".encode("utf-16"))
    value = f"@{tmp_path / 'a'}" if option == "--exclude-features" else str(tmp_path / "a")
    assert main(["train", "--dataset", "demo", "--out-dir", str(tmp_path / "run"), option, value]) == 2
    assert "UTF-16" in capsys.readouterr().err
    assert not (tmp_path / "run").exists()


def test_a_mark_before_the_first_feature_is_no_part_of_its_name(tmp_path: Path) -> None:
    from meta_models.cli import build_parser
    from meta_models.cli.options import config_from

    (tmp_path / "list.txt").write_bytes(b"\xef\xbb\xbff1\n# no feature\nf2\tbecause\n")
    arguments = build_parser().parse_args(["train", "--exclude-features", f"@{tmp_path / 'list.txt'}"])
    assert config_from(arguments, TrainingConfig).exclude_features == ("f1", "f2")
