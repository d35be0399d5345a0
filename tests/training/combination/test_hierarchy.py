import numpy as np
import pytest
from fitted_models import FEATURES, rows, single

from meta_models.model import ModelInfo
from meta_models.model.combinations import Mean, Weighted
from meta_models.persistence import dump_model
from meta_models.persistence.codec import decode
from meta_models.persistence.envelope import unwrap
from meta_models.training.combination.hierarchy import Hierarchy, groups_of, within

NAN = np.nan


def test_groups_are_those_that_are_named():
    assert groups_of(["a", "b", "a", "c"]) == ((0, 2), (1,), (3,))
    assert groups_of(["a", "a"]) == ()
    assert groups_of(["", ""]) == ()


def test_members_are_averaged_within_their_group_and_nan_where_none_may_score():
    members = np.array([[[0.2, 0.8]] * 3, [[0.4, 0.6]] * 3, [[1.0, 0.0]] * 3])
    members[0, 1] = members[0, 2] = members[1, 2] = NAN
    found = within(members, ((0, 1), (2,)))
    np.testing.assert_allclose(found[0], [[0.3, 0.7], [0.4, 0.6], [NAN, NAN]])
    np.testing.assert_allclose(found[1], members[2])
    assert within(members, ()) is members


def info_of(numbers):
    return ModelInfo("batch_ensemble", tuple(sorted(f"g{n}a" for n in numbers)))


@pytest.mark.parametrize("over", [Mean(), Weighted(np.array([[0.2] * 3, [0.8] * 3]))])
def test_the_model_does_what_scores_were_combined_by(over):
    members = [single(seed) for seed in range(3)]
    hierarchy = Hierarchy(over, ((0, 2), (1,)))
    model = hierarchy.model(members, ModelInfo("batch_ensemble", ("g0a",)), info_of)
    X = rows(50)
    scores = np.stack([member.probabilities_of(X) for member in members])
    np.testing.assert_allclose(hierarchy(scores, X), model.probabilities_of(X), rtol=1e-6)
    assert model.depth == 2
    assert [len(part.singles) for part in model.members] == [2, 1]
    assert model.members[0].info.genes == ("g0a", "g2a")


def test_a_group_without_a_member_is_left_out():
    hierarchy = Hierarchy(Mean(), ((0, 2), (1,)))
    model = hierarchy.model([single(0), None, single(2)], ModelInfo("batch_ensemble", ("g0a",)), info_of)
    assert model.n_members == 1
    assert len(model.singles) == 2


def test_without_groups_it_is_the_plain_ensemble():
    members = [single(0), single(1)]
    model = Hierarchy(Mean()).model([*members, None], ModelInfo("batch_ensemble", ("g0a",)), info_of)
    assert model.members == tuple(members)
    assert model.feature_names == FEATURES


def test_the_model_file_holds_it():
    members = [single(seed) for seed in range(3)]
    info = ModelInfo("batch_ensemble", ("g0a", "g1a"))
    model = Hierarchy(Weighted(np.eye(2, 3) + 0.1), ((0, 2), (1,))).model(members, info, info_of)
    again = decode(unwrap(dump_model(model)), max_bytes=10**8)
    np.testing.assert_array_equal(again.predict_proba(rows(30)), model.predict_proba(rows(30)))
