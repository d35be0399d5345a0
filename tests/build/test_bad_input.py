"""Every mistake that one can make with the inputs of a build: exit code 3, one message, nothing left behind."""

from __future__ import annotations

import gzip
import re
from collections.abc import Callable
from pathlib import Path

import polars as pl
import pytest
from build_places import Place, make_place

from meta_models.cli import main

Change = Callable[[Place, Path], dict[str, str]]


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Place:
    return make_place(tmp_path_factory.mktemp("genome") / "made", genes=12)


def annotated(change: Callable[[str], str]) -> Change:
    """The annotation with its text changed."""

    def changed(place: Place, folder: Path) -> dict[str, str]:
        path = folder / "changed.gtf"
        path.write_text(change(place.annotation.read_text()))
        return {"annotation": str(path)}

    return changed


def scored(*expressions: pl.Expr, keep: pl.Expr | None = None, twice: bool = False, capped: bool = False) -> Change:
    """The main scores with columns changed, rows left out, the first row twice, or sums held at 1."""

    def changed(place: Place, folder: Path) -> dict[str, str]:
        frame = pl.read_parquet(place.scores()).with_columns(*expressions)
        frame = frame.with_columns(pl.col("acceptor").clip(upper_bound=1 - pl.col("donor"))) if capped else frame
        frame = frame if keep is None else frame.filter(keep)
        frame = pl.concat([frame, frame[:1]]) if twice else frame
        frame.write_parquet(folder / "changed.parquet")
        return {"scores": f"main={folder / 'changed.parquet'}"}

    return changed


def first_row(column: str, value: float | None) -> pl.Expr:
    return pl.when(pl.int_range(pl.len()) == 5000).then(value).otherwise(pl.col(column)).cast(pl.Float32).alias(column)


def moved(column: str, by: int) -> pl.Expr:
    """Scores so many bases further downstream, within a contig and strand."""
    down = pl.col(column).shift(by, fill_value=0.0).over("chrom", "strand")
    up = pl.col(column).shift(-by, fill_value=0.0).over("chrom", "strand")
    return pl.when(pl.col("strand") == "+").then(down).otherwise(up).alias(column)


def genome_changed(change: Callable[[str], str]) -> Change:
    def changed(place: Place, folder: Path) -> dict[str, str]:
        path = folder / "changed.fa"
        path.write_text(change(place.genome.read_text()))
        return {"genome": str(path)}

    return changed


def gzipped(place: Place, folder: Path) -> dict[str, str]:
    path = folder / "genome.fa.gz"
    path.write_bytes(gzip.compress(place.genome.read_bytes(), mtime=0))
    return {"genome": str(path)}


def delta_scores(_place: Place, folder: Path) -> dict[str, str]:
    path = folder / "deltas.vcf"
    path.write_text("##fileformat=VCFv4.2\n")
    return {"scores": f"main={path}"}


def one_key_twice(place: Place, _folder: Path) -> dict[str, str]:
    return {"scores": f"main={place.scores()} main={place.scores('alt')}"}


def out_exists(_place: Place, folder: Path) -> dict[str, str]:
    (folder / "out").mkdir()
    (folder / "out" / "mine.txt").write_text("keep")
    return {}


def turned(text: str) -> str:
    """Every gene on the other strand."""
    return re.sub(r"\t([+-])\t", lambda match: "\t-\t" if match[1] == "+" else "\t+\t", text)


def other_bases(text: str) -> str:
    return re.sub(r"^[ACGTN]+$", lambda match: match[0].translate(str.maketrans("ACGT", "CATG")), text, flags=re.M)


def first_genes(count: int) -> Change:
    def changed(place: Place, _folder: Path) -> dict[str, str]:
        names = list(dict.fromkeys(re.findall(r'gene_id "([^"]+)"', place.annotation.read_text())))
        return {"genes": " ".join(names[:count])}

    return changed


TO_PLUS = pl.when(pl.col("strand") == "+").then(pl.lit("-")).otherwise(pl.lit("+")).alias("strand")
SWAPPED = (pl.col("donor").alias("acceptor"), pl.col("acceptor").alias("donor"))
ON_CHR1 = pl.col("chrom") == "chr1"

BAD: dict[str, tuple[Change, str]] = {
    "contig of the annotation unknown": (
        annotated(lambda text: re.sub(r"^chr1\t", "scaffold_9\t", text, flags=re.M)),
        r"must name contigs alike.*scaffold_9.*in the genome.*chr1.*--chrom-map",
    ),
    "no contig of the scores known": (
        scored(("tig_" + pl.col("chrom")).alias("chrom")),
        r"scores main.*must name contigs alike.*tig_chr1.*--chrom-map",
    ),
    "gzip instead of BGZF": (gzipped, r"must be plain FASTA or BGZF.*Found gzip.*gunzip"),
    "contig shorter than its genes": (
        genome_changed(lambda text: re.sub(r"(>chr1\n(?:[ACGTN]+\n){20})(?:[ACGTN]+\n)+", r"\1", text)),
        r"must be of one assembly.*end beyond, the first DEMOG\d+ at [\d,]+ of chr1, which has 1,200 bases",
    ),
    "no exons": (
        annotated(lambda text: "".join(x for x in text.splitlines(keepends=True) if "\texon\t" not in x)),
        r"must have lines of exons",
    ),
    "GFF3 without exons": (
        annotated(lambda _text: "##gff-version 3\nchr1\tx\tgene\t1\t99\t.\t+\t.\tID=g\n"), r"must have lines of exons",
    ),
    "GTF without transcripts": (
        annotated(lambda text: re.sub(r' transcript_id "[^"]*";', "", text)),
        r"Line \d+ of .*changed\.gtf must have a gene_id and a transcript_id",
    ),
    "exons that overlap": (
        annotated(lambda text: text + _exon(text, 5)),
        r"must not overlap.*DEMOG\d+\.1 \(line \d+\).*--on-bad-transcript skip",
    ),
    "genes on the wrong strand": (annotated(turned), r"At least 90% of the introns must be GT-AG.*strands right"),
    "another assembly": (genome_changed(other_bases), r"At least 90% of the introns.*same assembly"),
    "a score above 1": (scored(first_row("donor", 1.5)), r"scores main.*0 to 1.*donor 1\.5 at chr1|scores main.*1\.5"),
    "a negative score": (scored(first_row("donor", -2.0)), r"scores main.*(log-odds|-2)"),
    "NaN": (scored(first_row("donor", float("nan"))), r"scores main.*nan"),
    "scores that sum to more than 1": (
        scored(first_row("donor", 0.9), first_row("acceptor", 0.9)), r"scores main.*must sum to 1 at most",
    ),
    "delta scores of variants": (delta_scores, r"VCF holds delta scores"),
    "no scores on a contig": (scored(keep=~ON_CHR1), r"must cover every contig with genes.*none on chr1"),
    "donors shifted": (
        scored(moved("donor", 1), capped=True),
        r"next to GT and AG.*donor \+ at -1.*--shift main:donor=-1,acceptor=0, or --shift auto",
    ),
    "acceptors shifted": (scored(moved("acceptor", -2), capped=True), r"--shift main:donor=0,acceptor=2"),
    "donor and acceptor exchanged": (scored(*SWAPPED), r"Donor and acceptor are exchanged"),
    "strands exchanged": (scored(TO_PLUS), r"Plus and minus strand are exchanged"),
    "a key twice": (one_key_twice, r"must have different keys.*main twice"),
    "a position twice": (scored(twice=True), r"each position of a strand must come once.*chr1:1"),
    "gene ids that collide": (
        annotated(lambda text: text + _copies(text)), r"Gene ids of .* must be unique.*@chr2",
    ),
    "a tenth of the genes not covered": (
        scored(keep=~(ON_CHR1 & (pl.col("position") % 2 == 0))), r"must cover 99% of the bases of genes.*They cover",
    ),
    "the folder is there": (out_exists, r"out must not exist\. Found it\. Give another --out\.$"),
    "too few genes": (first_genes(7), r"At least 10 genes must be built.*Found 7"),
    "no gene of the type": (lambda *_: {"gene-types": "snoRNA"}, r"must have genes of type snoRNA.*protein_coding \("),
    "no sites left": (lambda *_: {"min-intron": "1000000"}, r"Each class must have.*none of donor and acceptor"),
    "chromosomes of no genome": (
        lambda *_: {"base-train-chroms": "chr1,chr77"},
        r"must name contigs of the genome\. Found chr77; the genome has chr1",
    ),
    "an unknown gene": (lambda *_: {"genes": "nobody"}, r"--genes must name genes.*nobody"),
    "families that are none": (lambda place, _: {"families": str(place.genome)}, r"expected a gene id and its family"),
    "no genome": (lambda *_: {"genome": "nowhere.fa"}, r"nowhere\.fa must be readable"),
    "no scores": (lambda *_: {"scores": "main=nowhere"}, r"at nowhere.*No such file or folder exists"),
    "no table": (lambda *_: {"scores": "main=table:no.parquet"}, r"Parquet file\. It does not exist\.$"),
    "no annotation": (lambda *_: {"annotation": "no.gtf"}, r"no\.gtf must be readable\. It does not exist\."),
}  # fmt: skip


def _exon(text: str, shift: int) -> str:
    """The first exon again, some bases further."""
    columns = next(line for line in text.splitlines() if "\texon\t" in line).split("\t")
    columns[3:5] = [str(int(value) + shift) for value in columns[3:5]]
    return "\t".join(columns) + "\n"


def _copies(text: str) -> str:
    """The first gene's exon on another contig, and a gene that has the name that this one gets."""
    exon = next(line for line in text.splitlines() if "\texon\t" in line)
    gene = re.search(r'gene_id "([^"]+)"', exon)
    assert gene is not None
    elsewhere = "\t".join(["chr2", *exon.split("\t")[1:]])
    return f"{elsewhere}\n{exon.replace(gene[1], gene[1] + '@chr2')}\n"


@pytest.mark.parametrize("name", BAD)
def test_bad_input_ends_with_3_and_one_message(
    name: str, place: Place, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    change, message = BAD[name]
    given = {
        "genome": str(place.genome), "annotation": str(place.annotation), "scores": f"main={place.scores()}",
        "gene-types": "all", "flank": "400", "out": str(tmp_path / "out"),
    }  # fmt: skip
    options = given | change(place, tmp_path)
    before = sorted(path.name for path in tmp_path.iterdir())
    arguments = [word for key, value in options.items() for word in (f"--{key}", *value.split(" "))]
    assert main(["build", *arguments]) == 3
    error = capsys.readouterr().err
    assert error.startswith("error: ")
    assert error.count("\n") == 1
    assert re.search(message, error), error
    assert sorted(path.name for path in tmp_path.iterdir()) == before
    if name == "the folder is there":
        assert (tmp_path / "out" / "mine.txt").read_text() == "keep"


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--features", "scores", "magic"], "--features must name groups of default, scores"),
        (["--shift", "other:donor=1"], "--shift must name one of the base models main"),
        (["--shift", "left"], "--shift is check, auto or"),
        (["--rows", "0"], "rows"),
        (["--evidence", "x"], "Evidence is given as NAME="),
        (["--flank", "-1"], "flank"),
    ],
)
def test_options_that_cannot_be_used_end_with_2(
    options: list[str], message: str, place: Place, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out"
    arguments = ["--genome", place.genome, "--annotation", place.annotation, "--scores", f"main={place.scores()}"]
    assert main(["build", *map(str, arguments), "--gene-types", "all", "--out", str(out), *options]) == 2
    assert message in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []


def test_out_must_be_named(place: Place, capsys: pytest.CaptureFixture[str]) -> None:
    arguments = ["--genome", place.genome, "--annotation", place.annotation, "--scores", f"main={place.scores()}"]
    assert main(["build", *map(str, arguments)]) == 2
    assert "--out DIR" in capsys.readouterr().err


def test_the_folder_of_the_inputs_is_no_output(place: Place, capsys: pytest.CaptureFixture[str]) -> None:
    inputs = [
        "--genome",
        str(place.genome),
        "--annotation",
        str(place.annotation),
        "--scores",
        f"main={place.scores()}",
    ]
    for out, found in ((place.folder, "It holds "), (place.genome, "It is what --genome reads")):
        assert main(["build", *inputs, "--out", str(out)]) == 2
        said = capsys.readouterr().err
        assert re.search(rf"--out {out} must lie apart from what is read\. {found}", said), said
        assert "remove" not in said
    assert place.genome.is_file()
