"""KEY=[KIND:]PATH."""

from __future__ import annotations

from pathlib import Path

import pytest

from meta_models.build.scores import ScoreSpec, parse_score_spec
from meta_models.errors import InputError, UsageError

FOUR = ("donor_plus", "donor_minus", "acceptor_plus", "acceptor_minus")


def touch(folder: Path, *names: str) -> Path:
    folder.mkdir(exist_ok=True)
    for name in names:
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).touch()
    return folder


@pytest.mark.parametrize(
    ("names", "path", "kind"),
    [
        ([f"{n}.bw" for n in FOUR], "", "bigwig"),
        ([f"spliceAi{k}{s}.bigWig" for k in ("Donor", "Acceptor") for s in ("Plus", "Minus")], "spliceAi", "bigwig"),
        ([f"x.{n}.bedGraph.gz" for n in FOUR], "x", "bedgraph"),
        (["donor_predictions.bed", "acceptor_predictions.bed"], "", "openspliceai"),
        (["SpliceAI_5000_400/donor_predictions.bed", "SpliceAI_5000_400/acceptor_predictions.bed"], "", "openspliceai"),
        (["a.parquet"], "a.parquet", "table"),
        (["a.tsv.gz"], "a.tsv.gz", "table"),
        (["a.npz"], "a.npz", "npz"),
    ],
)
def test_the_kind_is_found(tmp_path: Path, names: list[str], path: str, kind: str) -> None:
    where = touch(tmp_path / "s", *names) / path
    assert parse_score_spec(f"main={where}") == ScoreSpec("main", kind, where)


def test_a_kind_that_is_given_is_taken() -> None:
    assert parse_score_spec("osai80=bedgraph:a/b") == ScoreSpec("osai80", "bedgraph", Path("a/b"))
    assert parse_score_spec("main=OpenSpliceAI:a=b") == ScoreSpec("main", "openspliceai", Path("a=b"))


def test_a_path_with_a_colon_is_a_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(touch(tmp_path / "d", "run:1.npz"))
    assert parse_score_spec("main=run:1.npz").kind == "npz"


@pytest.mark.parametrize("text", ["x", "=x", "1a=x", "a b=x", "main=", "main=vcf:x"])
def test_written_otherwise(text: str) -> None:
    with pytest.raises(UsageError):
        parse_score_spec(text)


def test_several_kinds_or_none_are_an_error_that_lists_the_kinds(tmp_path: Path) -> None:
    both = touch(tmp_path / "both", *(f"{n}.bw" for n in FOUR), *(f"{n}.bg" for n in FOUR))
    with pytest.raises(InputError, match="Found files of the kinds bigwig, bedgraph at"):
        parse_score_spec(f"main={both}")
    with pytest.raises(InputError, match=r"bigwig or bedgraph \(four files.*openspliceai.*table.*npz.*no such files"):
        parse_score_spec(f"main={touch(tmp_path / 'none')}")


@pytest.mark.parametrize("name", ["x.vcf", "x.vcf.gz", "x.VCF.bgz"])
@pytest.mark.parametrize("kind", ["", "table:"])
def test_delta_scores_are_refused(name: str, kind: str) -> None:
    with pytest.raises(InputError, match="a VCF holds delta scores of variants"):
        parse_score_spec(f"main={kind}{name}")


@pytest.mark.parametrize("name", ["predict.h5", "predict.pt"])
@pytest.mark.parametrize("given", ["", "SpliceAI_5000_400", "SpliceAI_5000_400/{}"])
def test_arrays_of_openspliceai_are_refused_without_its_bed_files(tmp_path: Path, name: str, given: str) -> None:
    folder = tmp_path / "SpliceAI_5000_400"
    folder.mkdir()
    (folder / name).write_bytes(b"\x89HDF\r\n\x1a\n")
    for kind in ("", "openspliceai:"):
        with pytest.raises(InputError, match=rf"donor_predictions\.bed.*{name}.*does not say where they belong"):
            parse_score_spec(f"main={kind}{tmp_path / given.format(name)}")
    for bed in ("donor_predictions.bed", "acceptor_predictions.bed"):
        (folder / bed).write_text("")
    if not given.endswith("{}"):
        assert parse_score_spec(f"main={tmp_path / given}").kind == "openspliceai"
