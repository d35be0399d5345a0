from meta_models.schema import MAIN_BASE, BaseModel, SpliceClass
from meta_models.training.fitting.constraints import score_constraints

FEATURES = ("gc_content", "donor_score", "acceptor_score", "neither_score", "b_acceptor_score", "b_donor_score",
            "b_neither_score", "c_donor_score")  # fmt: skip


def test_scores_point_the_way_that_they_are_meant_to():
    signs = score_constraints(FEATURES, (MAIN_BASE, BaseModel("b")))
    assert signs[SpliceClass.DONOR] == (0, 1, 0, -1, 0, 1, -1, 0)
    assert signs[SpliceClass.ACCEPTOR] == (0, 0, 1, -1, 1, 0, -1, 0)
    assert signs[SpliceClass.NEITHER] == (0, -1, -1, 1, -1, -1, 1, 0)
