"""What is written down about a build: ``dataset_info.json``, ``build_report.txt``, ``genes.tsv``. No date, no path."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

from meta_models import __version__
from meta_models.build.blocks.block_files import GeneCounts
from meta_models.build.config import NONE
from meta_models.build.inputs.source_files import file_facts
from meta_models.build.options import gene_rules, label_rules
from meta_models.build.plan import Plan, contigs_in_use
from meta_models.dataset.built import FORMAT
from meta_models.features import column_names
from meta_models.schema import CLASS_NAMES

_NO_FAMILIES = "Families were not looked for: related genes may stand on both sides of a fold."
_UNKNOWN_FAMILIES = (
    "{:,} of {:,} genes are not in the file of families: each is a family of its own, whatever it is related to."
)
_AT_GENE = "Scores beyond genes were not read: the windows of the features tell where a gene ends."
_CONVENTIONS = {
    "donor": "last base of the exon upstream of an intron",
    "acceptor": "first base of the exon downstream of an intron",
    "neither": "every other position of a gene",
    "position": "0-based, sense, from the first base of the gene",
    "genomic_position": "1-based, forward strand",
    "transcript_id": "empty: known only at sites, it would give them away",
}


def describe_inputs(plan: Plan) -> dict[str, Any]:
    """Where everything comes from: files by digest, contigs, labels, base models, evidence."""
    config, assembler = plan.config, plan.assembler
    contigs = contigs_in_use(plan.blocks)
    genome = assembler.genome
    return {
        "genome": {
            "contigs": {name: {"length": genome.lengths[name], "genes": n} for name, n in contigs.items()},
            "sha256": genome.sha256(contigs),
        },
        "annotation": dict(file_facts(config.annotation)),
        "labels": {**asdict(label_rules(config)), **asdict(gene_rules(config))},
        "introns": dict(sorted(plan.annotated.labeller.motifs.items())),
        "dropped_or_changed": dict(plan.annotated.counts),
        "families": {"rule": "file"} if _from_file(config.families) else {"rule": config.families},
        "base_models": [
            {
                "key": track.key,
                "column_prefix": "" if number == 0 else f"{track.key}_",
                "coverage": round(plan.scan.coverage(track.key), 6),
                "alignment": alignment.facts(),
                **source.facts(),
            }
            for number, (track, source, alignment) in enumerate(
                zip(plan.recipe.models, plan.tracks.sources, plan.tracks.alignments, strict=True)
            )
        ],
        "evidence": [reader.facts() for reader in assembler.evidence],
    }


def _from_file(families: str) -> bool:
    return families not in {"auto", NONE}


def describe_plan(plan: Plan) -> dict[str, Any]:
    """What ``--dry-run`` prints: inputs, checks, and what would be written."""
    sampling = plan.sampling
    columns = len(column_names(plan.recipe))
    return {
        **describe_inputs(plan),
        "warnings": warnings(plan),
        "genes": sum(len(block.genes) for block in plan.blocks),
        "positions": sum(block.positions for block in plan.blocks),
        "counts": dict(plan.scan.counts),
        "rows": sampling.to_json(),
        "features": columns,
        "recipe": plan.recipe.to_json(),
        "blocks": len(plan.blocks),
        "processes": plan.processes,
        "predicted_peak_bytes": plan.predicted_peak,
        "predicted_table_bytes": int(sampling.expected_rows * columns * 4),
    }


def warnings(plan: Plan) -> list[str]:
    """What a reader of the figures must know."""
    found = [_NO_FAMILIES] if plan.config.families == NONE else []
    if unknown := plan.families.unknown:
        found.append(_UNKNOWN_FAMILIES.format(unknown, len(plan.families.of)))
    return [*found, *([_AT_GENE] if plan.recipe.context == "gene" else [])]


def dataset_info(plan: Plan, inputs: Mapping[str, Any], genes: Sequence[GeneCounts]) -> dict[str, Any]:
    """The content of ``dataset_info.json``; `inputs` are those of :func:`describe_inputs`."""
    config, features = plan.config, column_names(plan.recipe)
    main = plan.recipe.models[0].key
    trained = {} if config.base_train_chroms is None else {"chroms_train": list(config.base_train_chroms)}
    return {
        "format": FORMAT,
        "name": config.name,
        "software": {"meta-models": __version__},
        **inputs,
        "base_model": {"name": main, **trained},
        "conventions": _CONVENTIONS,
        "warnings": warnings(plan),
        "n_genes": len(genes),
        "n_families": len({gene.gene_family for gene in genes}),
        "n_rows": sum(gene.rows for gene in genes),
        "n_features": len(features),
        "class_counts_all_positions": {name: plan.scan.counts[name] for name in CLASS_NAMES},
        "positions": dict(plan.scan.counts),
        "true_prevalence": plan.scan.prevalence,
        "sampling": plan.sampling.to_json(),
        "recipe": plan.recipe.to_json(),
        "recipe_sha256": plan.recipe.sha256,
    }


def report(info: Mapping[str, Any]) -> str:
    """``build_report.txt``, from ``dataset_info.json``."""
    counts = info["class_counts_all_positions"]
    lines = [
        f"{info['n_genes']:,} genes in {info['n_families']:,} families, {sum(counts.values()):,} positions: "
        + ", ".join(f"{name} {n:,}" for name, n in counts.items()),
        f"{info['n_rows']:,} rows x {info['n_features']:,} features",
        *(f"WARNING: {warning}" for warning in info["warnings"]),
        "",
        "Base models",
        *(_base_line(base) for base in info["base_models"]),
        "",
        "Introns",
        *(f"  {motif} {n:,}" for motif, n in sorted(info["introns"].items(), key=lambda item: (-item[1], item[0]))),
        "",
        "Dropped or changed by a rule",
        *(f"  {rule}: {n:,}" for rule, n in info["dropped_or_changed"].items()),
        f"  positions of unknown label, in no row: {info['positions'].get('masked', 0):,}",
        f"  positions counted for another gene: {info['positions'].get('elsewhere', 0):,}",
        f"  genes without sites: {info['positions'].get('genes without sites', 0):,}",
        "",
        "Rows by the highest score of any base model",
        *(_stratum_line(stratum) for stratum in info["sampling"]["strata"]),
    ]
    return "\n".join(lines) + "\n"


def _base_line(base: Mapping[str, Any]) -> str:
    shares = [
        f"{m['score']} {m['strand']} {max(m['shares']):.2f} of {m['count']}" for m in base["alignment"] if m["count"]
    ]
    least = max(base["floor"], base.get("score_floor", 0.0))
    floor = f"floor {least:g}" if least else "no floor"
    rounding = "not rounded" if base["decimals"] is None else f"{base['decimals']} decimals"
    return (
        f"  {base['key']} ({base['kind']}): covers {base['coverage']:.2%}, {floor}, {rounding}; strongest positions at "
        f"GT/GC or AG: {'; '.join(shares) or 'none to look at'}"
    )


def _stratum_line(stratum: Mapping[str, Any]) -> str:
    bounds = (
        f"{stratum['from']:g} to {stratum['below']:g}" if stratum["below"] is not None else f"{stratum['from']:g} up"
    )
    return f"  {bounds}: {stratum['negatives']:,} negatives, probability {stratum['probability']:.4g}"


def genes_table(genes: Sequence[GeneCounts]) -> str:
    """``genes.tsv``."""
    rows = [gene.to_dict() for gene in genes]
    header = "\t".join(rows[0])
    return "\n".join([header, *("\t".join(map(str, row.values())) for row in rows)]) + "\n"
