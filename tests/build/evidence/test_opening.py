"""NAME=KIND:PATH of evidence."""

from __future__ import annotations

from pathlib import Path

import pytest
from fuzzing import written

from meta_models.build.evidence import open_evidence
from meta_models.errors import InputError, UsageError

JUNCTION = b"c\t6\t9\t1\t1\t0\t3\t1\t20\n"


def test_the_kind_is_given_or_found(tmp_path: Path) -> None:
    one, two = (written(tmp_path, f"{name}.SJ.out.tab", JUNCTION) for name in "ab")
    for spec in (f"junctions=star:{one},{two}", f"junctions={one},{two}"):
        with open_evidence(spec) as source:
            assert (source.name, source.kind, source.contigs) == ("junctions", "star", ("c",))
            assert source.facts()["samples"] == 2


@pytest.mark.parametrize("text", ["x", "x=", "1x=star:a", "x=bam:a.bam", "x=a.txt"])
def test_written_otherwise(text: str) -> None:
    with pytest.raises(UsageError, match="NAME=bigwig:FILE or NAME=star:"):
        open_evidence(text)


def test_files_that_are_not_there(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="must be readable"):
        open_evidence(f"x=star:{tmp_path / 'none'}")


@pytest.mark.parametrize("paths", ["a.SJ.out.tab,", "s3://b/a.SJ.out.tab", "a.SJ.out.tab,,b.SJ.out.tab"])
def test_names_that_are_no_files(paths: str) -> None:
    with pytest.raises(UsageError, match="must be files on this machine"):
        open_evidence(f"x=star:{paths}")


def test_a_sample_that_is_given_twice_is_refused(tmp_path: Path) -> None:
    file = written(tmp_path, "a.SJ.out.tab", JUNCTION)
    (tmp_path / "link").symlink_to(file)
    for again in (file, tmp_path / "link"):
        with pytest.raises(UsageError, match="must name each file once"):
            open_evidence(f"x=star:{file},{again}")


def test_a_file_may_have_a_comma_in_its_name(tmp_path: Path) -> None:
    with open_evidence(f"x={written(tmp_path, 'a,b.SJ.out.tab', JUNCTION)}") as source:
        assert source.facts()["samples"] == 1


def test_evidence_of_another_assembly_is_refused(tmp_path: Path) -> None:
    with open_evidence(f"x=star:{written(tmp_path, 'a', JUNCTION)}") as source:
        source.match_contigs({"c": 9})
        with pytest.raises(InputError, match=r"of one assembly.*1 contig on which.*c, which has 8 bases, to 9"):
            source.match_contigs({"c": 8})
