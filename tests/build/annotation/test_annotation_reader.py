"""One gene with two isoforms as Ensembl, GENCODE, RefSeq, FlyBase and WormBase write it, and the traps of each."""

from __future__ import annotations

import gzip
from pathlib import Path

import pytest
from fuzzing import FUZZ
from hypothesis import given
from hypothesis import strategies as st

from meta_models.build.annotation import Annotation, GeneModel, read_annotation
from meta_models.errors import InputError

#: Exons of the two isoforms, on the minus strand.
LONG, SHORT = [(101, 150), (201, 250), (301, 400)], [(101, 150), (301, 380)]

ENSEMBL = 'gene_id "G1"; gene_version "3"; {t}gene_name "abc"; gene_source "x"; gene_biotype "protein_coding";{tags}'
GENCODE = 'gene_id "G1"; {t}gene_type "protein_coding"; gene_name "abc"; level 2;{tags}'
REFSEQ = 'gene_id "G1"; {t}db_xref "GeneID:1"; gene "abc"; gene_biotype "protein_coding";{tags}'
WORMBASE = 'gene_id "G1"; {t}gene_source "WormBase"; gene_biotype "protein_coding";{tags}'
FLYBASE = 'gene_id "G1"; gene_symbol "abc"; {t}{tags}'


def row(feature: str, span: tuple[int, int], attributes: str, strand: str = "-", chrom: str = "chr1") -> str:
    return f"{chrom}\tsource\t{feature}\t{span[0]}\t{span[1]}\t.\t{strand}\t.\t{attributes}\n"


def gtf(template: str, transcript: str = "transcript", tag: str = ' tag "basic"; tag "MANE Select";') -> str:
    """Gene, transcripts, and exons from the highest to the lowest, as some programs list the minus strand."""
    empty = 'transcript_id ""; ' if template == REFSEQ else ""
    lines = [row("gene", (101, 400), template.format(t=empty, tags=""))]
    for name, exons in (("T1", LONG), ("T2", SHORT)):
        own = template.format(t=f'transcript_id "{name}"; ', tags=tag if name == "T1" else "")
        lines.append(row(transcript, (exons[0][0], exons[-1][1]), own))
        lines += [row("exon", exon, own + f' exon_number "{n}";') for n, exon in enumerate(reversed(exons), 1)]
        lines.append(row("CDS", (exons[0][0] + 10, exons[0][1]), own))
        lines.append(row("stop_codon", (exons[0][0], exons[0][0] + 2), own))
    return "#!genome-build x\n" + "".join(lines)


def gff3(gene: str, transcript: str, kind: str = "mRNA", more: str = "", tag: str = "") -> str:
    """The same, the shared exon once for both parents, children before parents."""
    t1, t2 = f"{transcript}T1", f"{transcript}T2"
    return "##gff-version 3\n" + "".join([
        row("exon", (101, 150), f"ID=e1;Parent={t1},{t2}"),
        row("exon", (301, 400), f"ID=e3;Parent={t1}"),
        row("exon", (201, 250), f"ID=e2;Parent={t1}"),
        row("exon", (301, 380), f"Parent={t2}"),
        row("CDS", (111, 150), f"ID=c;Parent={t1},{t2}"),
        row(kind, (101, 400), f"ID={t1};Parent={gene}G1;{tag}"),
        row(kind, (101, 380), f"ID={t2};Parent={gene}G1"),
        row("match_part", (1, 5), "ID=m;Target=EST 1 5"),
        row("gene", (101, 400), f"ID={gene}G1;Name=abc;{more}"),
        "###\n##FASTA\n>chr1\nACGT\n",
    ])  # fmt: skip


DIALECTS = {
    "Ensembl GTF": gtf(ENSEMBL),
    "GENCODE GTF": gtf(GENCODE),
    "RefSeq GTF": gtf(REFSEQ),
    "WormBase GTF": gtf(WORMBASE),
    "FlyBase GTF": gtf(FLYBASE, "mRNA"),
    "Ensembl GFF3": gff3("gene:", "transcript:", more="biotype=protein_coding;gene_id=G1", tag="tag=basic,MANE_Select"),
    "RefSeq GFF3": gff3("gene-", "rna-", more="gene_biotype=protein_coding;gbkey=Gene", tag="tag=MANE Select"),
    "FlyBase GFF3": gff3("", ""),
    "WormBase GFF3": gff3("Gene:", "Transcript:", more="biotype=protein_coding"),
}


def read(tmp_path: Path, text: str, **options: str) -> Annotation:
    path = tmp_path / "annotation"
    path.write_text(text, encoding="utf-8")
    return read_annotation(path, **options)  # type: ignore[arg-type]


def exons(gene: GeneModel) -> dict[str, list[tuple[int, int]]]:
    return {t.transcript_id: [(a, b) for a, b in t.exons.tolist()] for t in gene.transcripts}


@pytest.mark.parametrize("name", DIALECTS)
def test_each_dialect_gives_the_same_gene(tmp_path: Path, name: str) -> None:
    (gene,) = read(tmp_path, DIALECTS[name]).genes
    assert (gene.gene_id, gene.chrom, gene.strand, gene.start, gene.end) == ("G1", "chr1", "-", 101, 400)
    assert gene.gene_type == "protein_coding"
    assert gene.gene_name == ("G1" if name == "WormBase GTF" else "abc")
    assert exons(gene) == {"T1": LONG, "T2": SHORT}
    first, second = gene.transcripts
    assert (first.cds_length, second.cds_length) == (40, 40)
    assert ("MANE_Select" in first.tags) == (name not in {"FlyBase GFF3", "WormBase GFF3"})
    assert not second.tags


def test_gzip_crlf_and_byte_order_mark_change_nothing(tmp_path: Path) -> None:
    text = DIALECTS["GENCODE GTF"]
    plain = read(tmp_path, text)
    path = tmp_path / "annotation.gtf"  # the name does not say gz
    path.write_bytes(gzip.compress(b"\xef\xbb\xbf" + text.replace("\n", "\r\n").encode()))
    (packed,) = read_annotation(path).genes
    assert exons(packed) == exons(plain.genes[0])


def test_the_order_of_lines_does_not_matter(tmp_path: Path) -> None:
    lines = DIALECTS["Ensembl GTF"].splitlines(keepends=True)
    (turned,) = read(tmp_path, "".join(reversed(lines))).genes
    (straight,) = read(tmp_path, "".join(lines)).genes
    assert exons(turned) == exons(straight)
    assert turned.gene_name == straight.gene_name
    assert [t.tags for t in turned.transcripts] == [t.tags for t in straight.transcripts]


def test_a_gene_without_a_line_of_its_own_spans_its_exons(tmp_path: Path) -> None:
    text = row("exon", (30, 40), 'gene_id "a; b"; transcript_id "a; b";') + row(
        "exon", (5, 9), 'gene_id "a; b"; transcript_id "a; b";'
    )
    (gene,) = read(tmp_path, text).genes
    assert (gene.gene_id, gene.start, gene.end, gene.gene_type) == ("a; b", 5, 40, "unknown")


def test_one_id_on_two_contigs_is_two_genes(tmp_path: Path) -> None:
    own = 'gene_id "SPRY3"; transcript_id "NM_1";'
    text = "".join(row("exon", span, own, "+", chrom) for chrom in ("chrY", "chrX") for span in ((1, 9), (50, 60)))
    found = read(tmp_path, text)
    assert [(g.gene_id, g.source_id, g.chrom, g.start, g.end) for g in found.genes] == [
        ("SPRY3", "SPRY3", "chrX", 1, 60),
        ("SPRY3@chrY", "SPRY3", "chrY", 1, 60),
    ]
    assert found.counts["genes of one id on another contig or strand, called <id>@<contig>"] == 1


def test_both_strands_of_one_contig_are_two_genes(tmp_path: Path) -> None:
    own = 'gene_id "g"; transcript_id "t";'
    found = read(tmp_path, row("exon", (1, 9), own, "+") + row("exon", (50, 60), own, "-"))
    assert [g.gene_id for g in found.genes] == ["g", "g@chr1-"]


def test_trans_spliced_transcripts_are_left_out_and_counted(tmp_path: Path) -> None:
    text = "##gff-version 3\n" + "".join([
        row("gene", (1, 90), "ID=gene-a;gene_biotype=protein_coding", "?"),
        row("mRNA", (1, 90), "ID=rna-a;Parent=gene-a;exception=trans-splicing", "?"),
        row("exon", (1, 9), "Parent=rna-a", "+"),
        row("exon", (50, 60), "Parent=rna-a", "-"),
    ])  # fmt: skip
    found = read(tmp_path, text)
    assert not found.genes
    assert found.counts["trans-spliced transcripts, left out"] == 2


def test_genes_without_a_strand_are_left_out_and_counted(tmp_path: Path) -> None:
    found = read(tmp_path, row("exon", (1, 9), 'gene_id "g"; transcript_id "t";', "."))
    assert not found.genes
    assert found.counts["genes without a strand, left out"] == 1


def test_an_exon_of_a_gene_and_one_four_levels_down(tmp_path: Path) -> None:
    text = "##gff-version 3\n" + "".join([
        row("pseudogene", (1, 60), "ID=gene-p;Name=p%2C1;gene_biotype=pseudogene"),
        row("exon", (1, 9), "Parent=gene-p"),
        row("exon", (50, 60), "Parent=gene-p"),
        row("gene", (101, 200), "ID=gene-m"),
        row("primary_transcript", (101, 200), "ID=rna-m;Parent=gene-m"),
        row("miRNA", (110, 130), "ID=rna-x;Parent=rna-m"),
        row("exon", (110, 130), "Parent=rna-x"),
    ])  # fmt: skip
    found = {gene.gene_id: gene for gene in read(tmp_path, text).genes}
    assert exons(found["p"]) == {"p": [(1, 9), (50, 60)]}
    assert (found["p"].gene_name, found["p"].gene_type) == ("p,1", "pseudogene")
    assert (found["m"].start, found["m"].gene_type, list(exons(found["m"]))) == (101, "miRNA", ["x"])


def test_an_exon_given_twice_counts_once(tmp_path: Path) -> None:
    own = 'gene_id "g"; transcript_id "t";'
    found = read(tmp_path, row("exon", (1, 9), own) * 2 + row("exon", (50, 60), own))
    assert exons(found.genes[0]) == {"t": [(1, 9), (50, 60)]}
    assert found.counts["exon lines given twice"] == 1


def test_overlapping_exons_of_a_transcript(tmp_path: Path) -> None:
    own = 'gene_id "g"; transcript_id "t{}";'
    text = (
        row("exon", (50, 60), own.format(1)) + row("exon", (60, 70), own.format(1)) + row("exon", (5, 7), own.format(2))
    )
    with pytest.raises(
        InputError, match=r"must not overlap.*t1 \(line 1\) has 50-60 and 60-70.*--on-bad-transcript skip"
    ):
        read(tmp_path, text)
    found = read(tmp_path, text, on_bad_transcript="skip")
    assert exons(found.genes[0]) == {"t2": [(5, 7)]}
    assert found.counts["transcripts with overlapping exons, left out"] == 1


GOOD = 'gene_id "g"; transcript_id "t";'
BAD = {
    "": "Found no feature",
    "# only a comment\n": "Found no feature",
    row("gene", (1, 9), 'gene_id "g";'): "must have lines of exons.*1 genes and no exon",
    row("CDS", (1, 9), GOOD): "must have lines of exons",
    row("exon", (1, 9), 'gene_id "g";'): "Line 1 of .* must have a gene_id and a transcript_id",
    row("exon", (1, 9), GOOD) + row("exon", (1, 9), 'transcript_id "t";'): "Line 2 of .* must have a gene_id",
    row("exon", (1, 9), "ID=e"): "Line 1 of .* must have a Parent, as every exon",
    row("exon", (1, 9), "Parent=t"): "Line 1 of .* must have a Parent that is in the file.*'t'",
    row("mRNA", (1, 9), "ID=t;Parent=t") + row("exon", (1, 9), "Parent=t"): "must not be their own ancestors",
    row("exon", (9, 1), GOOD): "Line 1 of .* must have a first base of 1 or more.*'9' and '1'",
    row("exon", (0, 1), GOOD): "first base of 1 or more",
    row("exon", (1, 10**30), GOOD): "first base of 1 or more",
    row("exon", (1, 9), GOOD, "x"): "a strand of",
    "chr1 x exon 1 9 . + . " + GOOD: "Line 1 of .* nine columns, tabs between them. Found 1",
}  # fmt: skip


@pytest.mark.parametrize("text", BAD)
def test_bad_files_are_refused_with_the_line(tmp_path: Path, text: str) -> None:
    with pytest.raises(InputError, match=BAD[text]):
        read(tmp_path, text)


CUT = gzip.compress(row("exon", (1, 9), GOOD).encode() * 99, mtime=0)[:-20]


@pytest.mark.parametrize(
    "data", [b"\xff\xfe\x00", CUT, b"\x1f\x8b", b"\x1f\x8bjunk"], ids=["UTF-16", "cut", "two", "junk"]
)
def test_what_is_no_text_is_refused(tmp_path: Path, data: bytes) -> None:
    (tmp_path / "a.gtf").write_bytes(data)
    with pytest.raises(InputError, match=r"a\.gtf must be (text in UTF-8. Found UTF-16|readable to its end)"):
        read_annotation(tmp_path / "a.gtf")


def test_an_absent_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"absent\.gtf must be readable"):
        read_annotation(tmp_path / "absent.gtf")


def test_copies_whose_ids_collide_are_refused(tmp_path: Path) -> None:
    text = row("exon", (1, 9), GOOD) + row("exon", (1, 9), GOOD, chrom="chr2")
    text += row("exon", (1, 9), GOOD.replace('"g"', '"g@chr2"'))
    with pytest.raises(InputError, match=r"Gene ids of .* must be unique.*g@chr2"):
        read(tmp_path, text)


FIELDS = st.one_of(
    st.sampled_from(["chr1", "exon", "CDS", "gene", "mRNA", "+", "-", ".", "?", "1", "9", "100", "50", "-1", "1e3"]),
    st.sampled_from([GOOD, 'gene_id "g";', "ID=t;Parent=g", "Parent=t", "ID=g", "Parent=t,u", 'gene_id "']),
    st.text(max_size=12),
)
LINES = st.one_of(
    st.lists(FIELDS, min_size=1, max_size=10).map("\t".join),
    st.tuples(
        st.sampled_from(["exon", "CDS", "gene", "mRNA", "intron"]),
        st.tuples(st.integers(-1, 99), st.integers(-1, 99)),
        FIELDS,
        st.sampled_from(["+", "-", "."]),
    ).map(lambda parts: row(*parts).rstrip("\n")),
    st.text(max_size=30),
)


@FUZZ
@given(st.lists(LINES, max_size=8))
def test_any_lines_are_read_whole_or_refused(tmp_path_factory: pytest.TempPathFactory, lines: list[str]) -> None:
    """No crash; and what is read holds every exon line of a gene with a strand."""
    text = "\n".join(lines).encode("utf-8", errors="replace")
    assert_whole_or_refused(tmp_path_factory.getbasetemp() / "fuzzed.gtf", text)


@FUZZ
@given(st.sampled_from(sorted(DIALECTS)), st.integers(0, 5000), st.binary(max_size=4), st.integers(0, 6))
def test_damaged_files_are_read_whole_or_refused(
    tmp_path_factory: pytest.TempPathFactory, name: str, at: int, junk: bytes, cut: int
) -> None:
    text = DIALECTS[name].encode()
    at %= len(text)
    damaged = text[:at] + junk + text[at + cut :]
    assert_whole_or_refused(tmp_path_factory.getbasetemp() / "damaged.gtf", damaged)


def assert_whole_or_refused(path: Path, text: bytes) -> None:
    path.write_bytes(text)
    try:
        found = read_annotation(path)
    except InputError:
        return
    kept = {(g.chrom, g.strand, *e) for g in found.genes for t in g.transcripts for e in map(tuple, t.exons.tolist())}
    assert kept == given_exons(path)


def given_exons(path: Path) -> set[tuple[str, str, int, int]]:
    """Independent of the reader: the exon lines up to FASTA on a strand."""
    exons = set()
    for line in path.read_bytes().decode("utf-8-sig", errors="replace").split("\n"):
        if line.startswith(("##FASTA", ">")):
            break
        columns = line.rstrip("\r").split("\t")
        if len(columns) == 9 and not line.startswith("#") and columns[2] == "exon" and columns[6] in "+-":
            exons.add((columns[0], columns[6], int(columns[3]), int(columns[4])))
    return exons
