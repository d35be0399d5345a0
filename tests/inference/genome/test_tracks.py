import numpy as np
import polars as pl
import pytest
from served_tables import served_frame, write_model, write_served

from meta_models.errors import InputError, UsageError
from meta_models.inference.chunk_scorer import ChunkScorer
from meta_models.inference.config import PredictConfig
from meta_models.inference.genome import track_positions, tracks
from meta_models.inference.prediction import run_prediction


@pytest.fixture(autouse=True)
def small_buckets(monkeypatch):
    monkeypatch.setattr(track_positions, "BUCKET", 97)


def predict(tmp_path, frame=None, **options):
    """Scored rows and the folder of tracks."""
    out = tmp_path / "out.parquet"
    config = PredictConfig(
        model=str(write_model(tmp_path)), dataset=str(write_served(tmp_path, frame)), out=out, part_rows=300,
        prevalence=(0.6, 0.2, 0.2), **{"tracks": tmp_path / "tracks", "overwrite": True, **options},
    )  # fmt: skip
    run_prediction(config)
    return pl.read_parquet(out), tmp_path / "tracks"


def expected(rows, name):
    """Highest probability of each position."""
    place = ["chrom", "genomic_position"]
    return rows.group_by(place).agg(pl.col(f"corrected_{name}").max()).sort(place)


def test_bedgraph_holds_every_position_once(tmp_path):
    rows, folder = predict(tmp_path, track_formats=("bedgraph",))
    assert rows.select("chrom", "genomic_position").n_unique() < rows.height
    for name in ("donor", "acceptor"):
        header, *lines = (folder / f"{name}.bedGraph").read_text().splitlines()
        assert header.startswith("track type=bedGraph")
        fields = [line.split("\t") for line in lines]
        intervals = [(chrom, int(start), int(stop), float(value)) for chrom, start, stop, value in fields]
        assert intervals == sorted(intervals)
        single = [(c, p, v) for c, start, stop, v in intervals for p in range(start + 1, stop + 1)]
        wanted = expected(rows, name)
        assert [(c, p) for c, p, _ in single] == list(wanted.select("chrom", "genomic_position").iter_rows())
        np.testing.assert_allclose([v for *_, v in single], wanted[f"corrected_{name}"], atol=6e-7)


def test_bigwig_reads_back(tmp_path):
    pyBigWig = pytest.importorskip("pyBigWig")
    rows, folder = predict(tmp_path, track_formats=("bigwig",))
    for name in ("donor", "acceptor"):
        with pyBigWig.open(str(folder / f"{name}.bw")) as track:
            ends = dict(rows.group_by("chrom").agg(pl.col("genomic_position").max()).iter_rows())
            assert track.chroms() == ends
            for (chrom,), group in expected(rows, name).group_by("chrom"):
                values = track.values(chrom, 0, ends[chrom], numpy=True)
                positions = group["genomic_position"].to_numpy() - 1
                np.testing.assert_array_equal(values[positions], group[f"corrected_{name}"].to_numpy())
                assert np.isfinite(values).sum() == len(positions)


def test_bed_holds_the_predicted_sites(tmp_path):
    rows, folder = predict(tmp_path, track_formats=("bed",))
    lines = [line.split("\t") for line in (folder / "predicted_sites.bed").read_text().splitlines()]
    sites = rows.filter(pl.col("predicted_class") != "neither")
    found = {(c, int(stop), name, strand) for c, _, stop, name, _, strand in lines}
    assert found == set(sites.select("chrom", "genomic_position", "predicted_class", "strand").iter_rows())
    assert len(found) == len(lines)
    assert all(int(stop) == int(start) + 1 and 0 <= int(score) <= 1000 for _, start, stop, _, score, _ in lines)
    assert [(c, int(s)) for c, s, *_ in lines] == sorted((c, int(s)) for c, s, *_ in lines)


def test_equal_runs_give_equal_bytes(tmp_path):
    pytest.importorskip("pyBigWig")
    _, folder = predict(tmp_path)
    first = {path.name: path.read_bytes() for path in folder.iterdir()}
    predict(tmp_path)
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == first
    assert sorted(first) == ["acceptor.bedGraph", "acceptor.bw", "donor.bedGraph", "donor.bw", "predicted_sites.bed"]


def test_sizes_of_chromosomes_can_be_given(tmp_path):
    pyBigWig = pytest.importorskip("pyBigWig")
    sizes = tmp_path / "sizes"
    sizes.write_text("1\t200000\nchr2\t200000\nChr3\t200000\nchr4\t200000\nchrX\t5\n")
    _, folder = predict(tmp_path, track_formats=("bigwig",), chrom_sizes=sizes)
    with pyBigWig.open(str(folder / "donor.bw")) as track:
        assert set(track.chroms().values()) == {200000}
    sizes.write_text("chr1\t200000\nchr2\t10\n")
    for file in folder.iterdir():
        file.unlink()
    with pytest.raises(InputError, match=r"chr2 \(10 of \d+\), chr3 \(0 of"):
        predict(tmp_path, track_formats=("bed", "bedgraph", "bigwig"), chrom_sizes=sizes)
    assert list(folder.iterdir()) == []  # not the tracks that need no sizes without the one that does
    sizes.write_text("chr1\t200000\n1\t200001\n")
    with pytest.raises(InputError, match="Line 2 holds 1 with 200001, with 200000 before"):
        predict(tmp_path, track_formats=("bigwig",), chrom_sizes=sizes)
    sizes.write_text("chr1\tlong\n")
    with pytest.raises(InputError, match="--chrom-sizes needs"):
        predict(tmp_path, track_formats=("bigwig",), chrom_sizes=sizes)


@pytest.mark.parametrize(
    ("plus", "minus"), [("1", "-1"), ("+1", "-1"), (1, -1), (1.0, -1.0)], ids=["text", "signed", "whole", "float"]
)
def test_strands_of_ensembl_are_strands(tmp_path, plus, minus):
    _, folder = predict(tmp_path, track_formats=("bed",))
    expected = (folder / "predicted_sites.bed").read_bytes()
    strand = pl.when(pl.col("strand") == "+").then(pl.lit(plus)).otherwise(pl.lit(minus))
    _, folder = predict(tmp_path, served_frame().with_columns(strand=strand), track_formats=("bed",))
    assert (folder / "predicted_sites.bed").read_bytes() == expected
    assert {line.split(b"\t")[5] for line in expected.splitlines()} == {b"+", b"-"}


def test_tracks_that_stand_there_are_not_overwritten_unless_told_to(tmp_path):
    folder = tmp_path / "tracks"
    folder.mkdir()
    (folder / "donor.bedGraph").write_text("mine")
    with pytest.raises(UsageError, match=r"tracks must not exist\. Found .*donor\.bedGraph\. Give --overwrite"):
        predict(tmp_path, track_formats=("bedgraph", "bed"), overwrite=False)
    assert [path.name for path in folder.iterdir()] == ["donor.bedGraph"]
    assert not (tmp_path / "out.parquet").exists()
    predict(tmp_path, track_formats=("bed",), overwrite=False)
    assert (folder / "donor.bedGraph").read_text() == "mine"
    predict(tmp_path, track_formats=("bedgraph",))
    assert (folder / "donor.bedGraph").read_text() != "mine"


def test_a_prediction_whose_tracks_are_gone_is_not_finished(tmp_path):
    options = {"track_formats": ("bed",), "overwrite": False, "resume": True}
    _, folder = predict(tmp_path, **options)
    predict(tmp_path, **options)
    (folder / "predicted_sites.bed").unlink()
    with pytest.raises(UsageError, match="without its tracks"):
        predict(tmp_path, **options)


def test_what_is_not_there_is_said_before_anything_is_scored(tmp_path, monkeypatch):
    with monkeypatch.context() as patched:
        patched.setattr(ChunkScorer, "score", lambda *_: pytest.fail("scored"))
        with pytest.raises(InputError, match="--chrom-sizes needs"):
            predict(tmp_path, track_formats=("bed",), chrom_sizes=tmp_path / "nowhere")
    with pytest.raises(InputError, match="Missing: genomic_position"):
        predict(tmp_path, served_frame().drop("genomic_position"), track_formats=("bed",))
    monkeypatch.setattr(tracks, "find_spec", lambda name: None)
    with pytest.raises(UsageError, match=r"'\.\[genomics\]'"):
        predict(tmp_path, track_formats=("bigwig",))


def test_rows_without_coordinates_are_left_out_and_counted(tmp_path, caplog):
    frame = served_frame().with_columns(
        chrom=pl.when(pl.col("gene_id") == "G0003").then(None).otherwise(pl.col("chrom"))
    )
    rows, _ = predict(tmp_path, frame, track_formats=("bedgraph",))
    assert "Not in the tracks, for want of chromosome or position: 60 rows" in caplog.text
    assert rows.height == frame.height


def test_positions_count_from_one(tmp_path):
    frame = served_frame().with_columns(genomic_position=pl.col("position"))
    with pytest.raises(InputError, match="counts from 1"):
        predict(tmp_path, frame, track_formats=("bed",))


def test_without_pybigwig_the_other_tracks_are_written(monkeypatch):
    assert tracks.chosen_formats(None)[:2] == ("bed", "bedgraph")
    monkeypatch.setattr(tracks, "find_spec", lambda name: None)
    assert tracks.chosen_formats(None) == ("bed", "bedgraph")
    assert tracks.chosen_formats(["bigwig"]) == ("bigwig",)  # which is refused then


def test_a_file_that_is_read_is_no_folder_for_tracks(tmp_path):
    sizes = tmp_path / "sizes"
    sizes.write_text("chr1\t200000\n")
    with pytest.raises(UsageError, match=r"--tracks .* must lie apart from what is read\. It lies inside .*sizes"):
        predict(tmp_path, track_formats=("bed",), chrom_sizes=sizes, tracks=sizes)
