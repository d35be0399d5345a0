from __future__ import annotations

from gene_models import gene, transcript

from meta_models.build.blocks.planning import make_blocks


def test_genes_are_packed_in_the_order_of_contigs_and_starts() -> None:
    genes = [
        gene("c", transcript("t", (1, 50)), chrom="chr10"),
        gene("b", transcript("t", (40, 60))),
        gene("a", transcript("t", (40, 60)), strand="-"),
        gene("d", transcript("t", (1, 200))),
    ]
    blocks = make_blocks(genes, ("chr1", "chr10"), 100)
    assert [[g.gene_id for g in block.genes] for block in blocks] == [["d"], ["a", "b", "c"]]
    assert [(block.number, block.name, block.positions) for block in blocks] == [
        (1, "batch_00001", 200),
        (2, "batch_00002", 92),
    ]
    assert str(blocks[1]) == "block 2 (chr1)"
    assert make_blocks([], ("chr1",), 100) == ()
