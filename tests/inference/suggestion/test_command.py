from dataclasses import replace

import numpy as np
import polars as pl
import pytest
import xgboost as xgb
from build_places import make_place
from served_tables import served_frame, write_model, write_served

from meta_models.cli import main
from meta_models.dataset.built import BuiltFolder
from meta_models.features import column_names
from meta_models.learners.xgboost.predictor import BoosterPredictor
from meta_models.model import ModelInfo, SingleModel
from meta_models.persistence import dump_model


@pytest.fixture
def place(tmp_path):
    return [
        "suggest-genes", "--model", str(write_model(tmp_path)), "--dataset", str(write_served(tmp_path)),
        "--out", str(tmp_path / "genes.tsv"), "--threads", "1",
    ]  # fmt: skip


def read(tmp_path):
    return pl.read_csv(tmp_path / "genes.tsv", separator="\t")


def test_genes_that_were_not_trained_on_are_suggested_with_reasons(place, tmp_path, capsys):
    assert main([*place, "--n", "4"]) == 0
    found = read(tmp_path)
    assert found.columns == [
        "rank", "gene_id", "gene_family", "chrom", "positions", "uncertainty", "disagreement", "expected_change",
        "distance", "score", "reasons",
    ]  # fmt: skip
    assert found["rank"].to_list() == [1, 2, 3, 4]
    assert set(found["gene_id"]) <= {f"G{g:04d}" for g in range(10, 20)}
    assert found["score"].to_list() == sorted(found["uncertainty"], reverse=True)
    assert found["disagreement"].null_count() == 4
    assert found["reasons"].str.contains("above").all()
    told = capsys.readouterr().out
    assert "No disagreement: the model has no members" in told
    assert "10 were trained on" in told


def test_the_same_genes_whatever_the_threads(place, tmp_path):
    assert main([*place, "--by", "all"]) == 0
    first = (tmp_path / "genes.tsv").read_bytes()
    assert main([*place, "--by", "all", "--overwrite", "--threads", "3"]) == 0
    assert (tmp_path / "genes.tsv").read_bytes() == first


def test_fewer_genes_than_were_asked_for_is_said(place, tmp_path, capsys):
    assert main(place) == 0
    assert f"{read(tmp_path).height} genes are suggested, not 100" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("options", "code", "words"),
    [
        (["--by", "disagreement"], 2, "the model has no members that could disagree"),
        (["--out", "genes.parquet"], 2, "must end in .tsv"),
        (["--n", "0"], 2, "n (--n)"),
        (["--dataset", "nowhere"], 3, "nowhere"),
    ],
)
def test_refusals(place, tmp_path, capsys, options, code, words):
    assert main([*place, *options]) == code
    assert words in capsys.readouterr().err
    assert not (tmp_path / "genes.tsv").exists()


def test_what_stands_there_is_not_replaced(place, tmp_path, capsys):
    (tmp_path / "genes.tsv").write_text("mine")
    assert main(place) == 2
    assert "--overwrite" in capsys.readouterr().err
    assert (tmp_path / "genes.tsv").read_text() == "mine"


def test_a_table_of_trained_genes_alone_is_refused(place, tmp_path, capsys):
    folder = tmp_path / "other"
    folder.mkdir()
    table = write_served(folder, served_frame(n_genes=10))
    assert main([*place, "--dataset", str(table)]) == 3
    assert "There must be genes that the model was not trained on. 10 were trained on." in capsys.readouterr().err


def test_a_table_that_names_no_genes_is_refused(place, tmp_path, capsys):
    folder = tmp_path / "other"
    folder.mkdir()
    table = write_served(folder, served_frame().drop("gene_id"))
    assert main([*place, "--dataset", str(table)]) == 3
    assert "must name the gene of each row" in capsys.readouterr().err


def test_without_sketches_there_is_no_distance(place, tmp_path, capsys):
    write_model(tmp_path, sketches={})
    assert main([*place, "--by", "distance"]) == 2
    assert "the model file holds no sketches" in capsys.readouterr().err
    assert main(place) == 0
    assert read(tmp_path)["distance"].null_count() == read(tmp_path).height


@pytest.fixture(scope="module")
def built(tmp_path_factory):
    return make_place(tmp_path_factory.mktemp("genome") / "made").build(tmp_path_factory.mktemp("built") / "out")


def model_for(folder, **info):
    """A model of nothing in particular that reads what the recipe makes."""
    recipe = BuiltFolder.open(folder).recipe
    names, rng = column_names(recipe), np.random.default_rng(0)
    X = rng.random((60, len(names)), np.float32)
    boosters = [
        xgb.train({"objective": "binary:logistic", "nthread": 1}, xgb.DMatrix(X, rng.integers(0, 2, 60)), 2)
        for _ in range(3)
    ]
    told = replace(ModelInfo("single_model", ("nobody",), recipe=recipe), **info)
    return SingleModel(BoosterPredictor(boosters), names, info=told)


def suggested(tmp_path, built, fitted):
    (tmp_path / "model.pkl").write_bytes(dump_model(fitted))
    files = ["--model", str(tmp_path / "model.pkl"), "--dataset", str(built), "--out", str(tmp_path / "genes.tsv")]
    return main(["suggest-genes", *files, "--n", "1000", "--threads", "1"])


def test_every_position_of_the_genes_of_a_built_folder_is_looked_at(tmp_path, built):
    assert suggested(tmp_path, built, model_for(built)) == 0
    genes = {gene.gene_id: gene for gene in BuiltFolder.open(built).genes.genes(inputs=False)}
    found = read(tmp_path)
    assert found["positions"].to_list() == [float(len(genes[name])) for name in found["gene_id"]]
    families = {gene.family for gene in genes.values()}
    assert sorted(found["gene_family"]) == sorted(families)


def test_a_folder_that_was_built_otherwise_is_refused(tmp_path, built, capsys):
    recipe = replace(BuiltFolder.open(built).recipe, flank=3)
    assert suggested(tmp_path, built, model_for(built, recipe=recipe)) == 3
    assert "must be built as the table was that the model was trained on" in capsys.readouterr().err
