import gzip
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from polars.testing import assert_frame_equal
from served_tables import FEATURES, PREVALENCE, model, served_frame, write_model, write_served
from tables import write_table

from meta_models.cli import main
from meta_models.errors import InputError, UsageError
from meta_models.inference import parts
from meta_models.inference.config import PredictConfig
from meta_models.inference.prediction import run_prediction
from meta_models.model import SingleModel
from meta_models.persistence import dump_model
from meta_models.run_folder.lock import FolderLock
from meta_models.run_folder.parts_folder import parts_folder


@pytest.fixture
def place(tmp_path):
    model_file, table = write_model(tmp_path), write_served(tmp_path)
    return {"model": str(model_file), "dataset": str(table), "out": tmp_path / "scored.parquet"}


def predict(place, **options):
    config = PredictConfig(**{**place, "part_rows": 250, "threads": 1, **options})
    assert run_prediction(config) == 0
    return config.out


def report(out):
    return json.loads(out.with_name(f"{out.name}.report.json").read_bytes())


def other_table(place, tmp_path, frame, **layout):
    folder = tmp_path / "other"
    folder.mkdir()
    return {**place, "dataset": str(write_served(folder, frame, **layout))}


def test_rows_keep_their_order_and_the_model_s_probabilities(place):
    frame, found = served_frame(), pl.read_parquet(predict(place))
    assert_frame_equal(found.select("gene_id", "position"), frame.select("gene_id", "position"))
    raw, calibrated = model().predict_both(frame)
    names = ("neither", "donor", "acceptor")
    np.testing.assert_allclose(found.select(f"raw_{n}" for n in names).to_numpy(), raw, rtol=1e-6)
    np.testing.assert_allclose(found.select(f"calibrated_{n}" for n in names).to_numpy(), calibrated, rtol=1e-6)
    base = frame.select(f"{n}_score" for n in names).to_numpy()
    np.testing.assert_array_equal(found.select(f"base_{n}" for n in names).to_numpy(), base)
    assert found["predicted_class"].to_list() == [names[k] for k in calibrated.argmax(axis=1)]
    assert "corrected_donor" not in found.columns
    assert not [c for c in found.columns if c.startswith("_")]


def test_genes_and_families_of_training_are_flagged(place, tmp_path):
    found = pl.read_parquet(predict(place))
    expected = (served_frame()["gene_id"] <= "G0009").to_list()
    assert found["seen_in_training"].to_list() == expected
    assert report(place["out"])["rows_seen_in_training"] == sum(expected)
    relatives = served_frame().with_columns(gene_family=pl.when(pl.col("gene_id") == "G0015").then(pl.lit("fam")))
    place = {**other_table(place, tmp_path, relatives), "model": str(write_model(tmp_path, families=("fam",)))}
    found = pl.read_parquet(predict(place, out=tmp_path / "b.parquet"))
    seen = found.filter("seen_in_training")["gene_id"].unique().sort().to_list()
    assert seen == [f"G{g:04d}" for g in [*range(10), 15]]


def test_genes_that_are_numbers_are_known_in_files_of_any_type(place, tmp_path):
    frame = served_frame().with_columns(pl.col("gene_id").str.slice(1).cast(pl.Int64))
    other = other_table(place, tmp_path, frame, files=1)
    with_gaps = frame.cast({"gene_id": pl.Float64})
    with_gaps.write_parquet(f"{other['dataset']}/with_gaps.parquet")
    place = {**other, "model": str(write_model(tmp_path, genes=tuple(map(str, range(10)))))}
    found = pl.read_parquet(predict(place))
    assert found["gene_id"].to_list() == [*frame["gene_id"].cast(pl.String)] * 2
    assert found["seen_in_training"].to_list() == [*(frame["gene_id"] < 10)] * 2


def test_neither_labels_nor_genes_nor_positions_are_needed(place, tmp_path):
    place = other_table(place, tmp_path, served_frame().select(FEATURES))
    found = pl.read_parquet(predict(place))
    assert found.height == served_frame().height
    assert found["seen_in_training"].null_count() == found.height
    assert report(place["out"])["rows_seen_in_training"] is None


def test_prevalence_re_weights_the_classes(place):
    found = pl.read_parquet(predict(place, prevalence=(0.9, 0.05, 0.05)))
    calibrated = model().predict_proba(served_frame())
    weighted = calibrated * (np.array([0.9, 0.05, 0.05]) / PREVALENCE)
    expected = weighted / weighted.sum(axis=1, keepdims=True)
    corrected = found.select("corrected_neither", "corrected_donor", "corrected_acceptor").to_numpy()
    np.testing.assert_allclose(corrected, expected, rtol=1e-5)
    assert found["predicted_class"].to_list() == [("neither", "donor", "acceptor")[k] for k in expected.argmax(axis=1)]
    assert report(place["out"])["prior_correction"]["source"] == list(PREVALENCE)


def test_the_table_s_own_prevalence_is_the_default(place, tmp_path):
    shares = {"neither": 0.9, "donor": 0.04, "acceptor": 0.06}
    (tmp_path / "table" / "dataset_info.json").write_text(json.dumps({"true_prevalence": shares}))
    assert "corrected_donor" in pl.read_parquet(predict(place)).columns
    assert report(place["out"])["prior_correction"]["target"] == [0.9, 0.04, 0.06]


def test_prevalence_needs_a_model_that_knows_its_own(place, tmp_path):
    write_model(tmp_path, prevalence=None)
    with pytest.raises(InputError, match="at which class shares"):
        predict(place, prevalence=(0.9, 0.05, 0.05))


@pytest.mark.parametrize("name", ["a.tsv", "a.tsv.gz"])
def test_text_is_the_same_table(place, tmp_path, name):
    rows = pl.read_parquet(predict(place))
    out = predict(place, out=tmp_path / name)
    text = gzip.decompress(out.read_bytes()) if name.endswith("gz") else out.read_bytes()
    found = pl.read_csv(text, separator="\t", schema=rows.schema)
    assert_frame_equal(found, rows)
    first = out.read_bytes()
    predict(place, out=out, overwrite=True)
    assert out.read_bytes() == first


def test_csv_tables_are_read_too(place, tmp_path):
    (tmp_path / "csv").mkdir()
    served_frame().write_csv(tmp_path / "csv" / "t.csv")
    expected = pl.read_parquet(predict(place))
    found = pl.read_parquet(predict(place, dataset=str(tmp_path / "csv"), out=tmp_path / "b.parquet"))
    assert_frame_equal(found, expected, check_exact=False, abs_tol=1e-6)


def test_pages_carry_checksums(place):
    out = predict(place)
    data = bytearray(out.read_bytes())
    data[len(data) // 3] ^= 1
    out.write_bytes(data)
    import pyarrow.parquet as pq

    with pytest.raises(OSError, match=r"CRC|checksum"):
        pq.read_table(out, page_checksum_verification=True)


def test_missing_features_are_listed(place, tmp_path):
    place = other_table(place, tmp_path, served_frame().drop("feature_1").rename({"feature_2": "Feature_2"}))
    with pytest.raises(InputError, match=r"(?s)2 missing.*- feature_1.*- feature_2.*\+ .*Feature_2"):
        predict(place)
    assert not list(tmp_path.glob(".*parts"))


def test_base_scores_must_be_probabilities(place, tmp_path):
    broken = served_frame().with_columns(
        donor_score=pl.when(pl.int_range(pl.len()) == 700).then(None).otherwise(pl.col("donor_score"))
    )
    with pytest.raises(InputError, match=r"1 of .* missing or other value in 'donor_score'"):
        predict(other_table(place, tmp_path, broken))
    assert not place["out"].exists()
    assert not list(tmp_path.glob(".*parts/*[!s]"))


def test_what_stands_there_is_not_overwritten_unless_told_to(place):
    first = predict(place).read_bytes()
    with pytest.raises(UsageError, match="--overwrite"):
        predict(place)
    with pytest.raises(UsageError, match="other options"):
        predict(place, prevalence=(0.9, 0.05, 0.05), resume=True)
    assert predict(place, resume=True).read_bytes() == first
    assert predict(place, overwrite=True).read_bytes() == first


class Stop(Exception):
    pass


def interrupted_after(monkeypatch, n_parts):
    put, done = parts.UnitStore.put, []

    def limited(self, *arguments, **options):
        if len(done) == n_parts:
            raise Stop
        done.append(1)
        return put(self, *arguments, **options)

    monkeypatch.setattr(parts.UnitStore, "put", limited)


def test_a_resumed_run_equals_an_undisturbed_one(place, tmp_path, monkeypatch, caplog):
    whole = predict(place, out=tmp_path / "whole.parquet").read_bytes()
    with monkeypatch.context() as patched:
        interrupted_after(patched, 2)
        with pytest.raises(Stop):
            predict(place)
    assert not place["out"].exists()
    with caplog.at_level("INFO", logger="meta_models.inference.prediction"):
        assert predict(place, resume=True).read_bytes() == whole
    assert "2 of 5 parts were there already" in caplog.text
    assert not list(tmp_path.glob(".*parts"))


def test_parts_of_other_options_or_damaged_ones_are_computed_again(place, tmp_path, monkeypatch, caplog):
    whole = predict(place, out=tmp_path / "whole.parquet", prevalence=(0.9, 0.05, 0.05)).read_bytes()
    with monkeypatch.context() as patched:
        interrupted_after(patched, 4)
        with pytest.raises(Stop):
            predict(place, prevalence=(0.9, 0.05, 0.05))
    file = next((tmp_path / ".scored.parquet.parts").glob("units/part-000001/rows.parquet"))
    file.write_bytes(file.read_bytes()[:-1])
    with caplog.at_level("INFO", logger="meta_models.inference.prediction"):
        assert predict(place, prevalence=(0.9, 0.05, 0.05), resume=True).read_bytes() == whole
    assert "3 of 5 parts" in caplog.text


def test_part_size_and_threads_do_not_change_the_scores(place, tmp_path):
    one = pl.read_parquet(predict(place, part_rows=100_000))
    assert_frame_equal(pl.read_parquet(predict(place, part_rows=7, threads=2, out=tmp_path / "b.parquet")), one)


@pytest.mark.parametrize(("number", "code"), [(signal.SIGTERM, 143), (signal.SIGINT, 130)])
def test_an_interrupted_command_leaves_no_half_file(place, tmp_path, number, code):
    """The real command, stopped between two parts."""
    script = (
        "import sys, time\n"
        "from meta_models.inference import chunk_scorer\n"
        "score = chunk_scorer.ChunkScorer.score\n"
        "def slow(self, chunk):\n"
        "    time.sleep(0.2)\n"
        "    return score(self, chunk)\n"
        "chunk_scorer.ChunkScorer.score = slow\n"
        "from meta_models.cli import main\n"
        "sys.exit(main(sys.argv[1:]))\n"
    )
    arguments = ["predict", "--model", place["model"], "--dataset", place["dataset"], "--out", str(place["out"])]
    command = [sys.executable, "-c", script, *arguments, "--part-rows", "50", "--threads", "1"]
    process = subprocess.Popen(command, stderr=subprocess.PIPE, stdout=subprocess.PIPE)
    folder = tmp_path / ".scored.parquet.parts"
    deadline = time.monotonic() + 60
    while not list(folder.glob("units/part-000001/unit.json")) and time.monotonic() < deadline:
        time.sleep(0.05)
    os.kill(process.pid, number)
    process.communicate(timeout=60)
    assert process.returncode == code
    assert not place["out"].exists()
    assert not list(tmp_path.glob("*.report.json"))
    assert main([*arguments, "--part-rows", "50", "--threads", "1", "--resume"]) == 0
    assert pl.read_parquet(place["out"]).height == served_frame().height


def test_two_commands_cannot_write_one_file(place):
    with parts_folder(place["out"], keep=True), pytest.raises(UsageError, match="must not be in use"):
        predict(place)


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (["--out", "a.csv"], 2, "must end in one of"),
        (["--out", "a.tsv", "--prevalence", "0.5", "0.1", "0.1"], 2, "must sum to 1"),
        (["--out", "a.tsv", "--only-uncertain", "0.5", "0.1"], 2, "needs LOW, then HIGH"),
        (["--out", "a.tsv", "--dataset", "nowhere"], 3, "must exist"),
        (["--out", "a.tsv", "--model", "no*.pkl"], 3, "Exactly one model file"),
        (["--out", "/proc/nowhere/a.tsv"], 73, "must be writable"),
    ],
)
def test_bad_usage_is_one_message(place, tmp_path, monkeypatch, capsys, arguments, code, message):
    monkeypatch.chdir(tmp_path)
    assert main(["predict", "--model", place["model"], "--dataset", place["dataset"], *arguments]) == code
    error = capsys.readouterr().err
    assert message in error
    assert "Traceback" not in error


def test_the_module_is_the_command():
    command = [sys.executable, "-m", "meta_models.inference.predict", "--help"]
    shown = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    assert "--only-uncertain" in shown
    assert "--resume" in shown


def test_scores_that_rounding_put_below_zero_are_zero(place, tmp_path):
    frame = served_frame().with_columns(neither_score=pl.lit(-6e-8, pl.Float32))
    found = pl.read_parquet(predict(other_table(place, tmp_path, frame)))
    assert found["base_neither"].to_list() == [0.0] * frame.height


def test_what_was_asked_for_later_is_not_taken_for_done(place, tmp_path):
    predict(place)
    with pytest.raises(UsageError, match="other options"):
        predict(place, tracks=tmp_path / "tracks", resume=True)
    with pytest.raises(UsageError, match="other options"):
        predict(place, strict=True, resume=True)
    first = predict(place, tracks=tmp_path / "tracks", overwrite=True).read_bytes()
    assert list((tmp_path / "tracks").iterdir())
    assert predict(place, tracks=tmp_path / "tracks", resume=True).read_bytes() == first


def test_the_end_of_the_name_says_the_format(place, tmp_path):
    assert pl.read_parquet(predict(place, out=tmp_path / "scores.tsv.parquet")).height == served_frame().height


def test_parts_are_removed_while_nobody_else_can_begin(place, tmp_path, monkeypatch):
    seen = []

    def watched(folder, **options):
        with pytest.raises(UsageError, match="in use"):
            FolderLock(tmp_path / ".scored.parquet.parts").acquire()
        seen.append(folder.name)
        remove(folder, **options)

    remove = shutil.rmtree
    monkeypatch.setattr(shutil, "rmtree", watched)
    predict(place)
    assert "units" in seen
    assert not list(tmp_path.glob(".*parts"))


def test_the_built_in_table_is_taken_as_train_takes_it(place, tmp_path, monkeypatch, capsys):
    """The model lacks its features, which is told of the table that was made; a file of that name goes before it."""
    monkeypatch.chdir(tmp_path)
    arguments = ["predict", "--model", place["model"], "--dataset", "demo", "--out", "a.tsv"]
    assert main(arguments) == 3
    assert "feature_0" in capsys.readouterr().err
    write_table(tmp_path / "demo", served_frame())
    assert main(arguments) == 0


def test_positions_that_are_text_are_told_of(place, tmp_path, caplog):
    """Without them nothing says that a gene of another name lies where the model was trained."""
    frame = served_frame()
    with caplog.at_level("WARNING"):
        predict(place)
        assert "holds no numbers" not in caplog.text
        text = frame.with_columns(pl.col("position").cast(pl.String))
        predict(other_table({**place, "out": tmp_path / "text.parquet"}, tmp_path, text))
    assert "Column 'position' holds no numbers" in caplog.text


def test_percent_are_told(place, tmp_path):
    frame = served_frame().with_columns(pl.col("donor_score") * 100)
    with pytest.raises(InputError, match=r"value in 'donor_score'\. They look like percent: divide them by 100"):
        predict(other_table(place, tmp_path, frame))


@pytest.mark.parametrize("factor", [1, 100])
def test_scores_of_a_further_base_model_are_probabilities_or_missing(place, tmp_path, factor):
    alt = {name: name.replace("alt_", "") for name in ("alt_neither_score", "alt_donor_score", "alt_acceptor_score")}
    info = replace(model().info, base_models=("main", "alt"), sketches={})
    Path(place["model"]).write_bytes(
        dump_model(SingleModel(model().predictor, (*FEATURES[:3], *alt, "3mer_ACG"), info=info))
    )
    frame = served_frame().with_columns((factor * pl.col(column)).alias(name) for name, column in alt.items())
    frame = frame.with_columns(alt_donor_score=pl.when(pl.int_range(pl.len()) > 0).then(pl.col("alt_donor_score")))
    place = other_table(place, tmp_path, frame)
    if factor == 1:
        assert pl.read_parquet(predict(place)).height == frame.height
    else:
        with pytest.raises(InputError, match=r"'alt_neither_score'\. They look like percent: divide them by 100"):
            predict(place)


@pytest.mark.parametrize("option", [{"track_formats": ("bed",)}, {"chrom_sizes": "sizes.tsv"}])
def test_options_of_tracks_need_tracks(place, option):
    with pytest.raises(ValueError, match=f"{next(iter(option))} needs tracks"):
        PredictConfig(**place, **option)
