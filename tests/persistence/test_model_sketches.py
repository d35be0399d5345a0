import json
from dataclasses import replace

import pytest
from fitted_models import entries, make, rebuilt

from meta_models.errors import UnsafeModelFile
from meta_models.model import FeatureSketch
from meta_models.persistence import dump_model, load_model

SKETCH = FeatureSketch("float", (-0.5, 0.25, 1.0), (0.0, 0.4, 0.6, 0.0), 0.125, 0.2, 1.5, 321.5)


@pytest.mark.parametrize("name", ["single-platt", "ensemble-mean"])
def test_sketches_and_prevalence_come_back(tmp_path, name):
    model = make(name)
    model = model.with_info(replace(model.info, sketches={"x[1]<2": SKETCH}, prevalence=(0.98, 0.015, 0.005)))
    (tmp_path / "model.pkl").write_bytes(dump_model(model))
    info = load_model(tmp_path / "model.pkl").info
    assert info.sketches == {"x[1]<2": SKETCH}
    assert info.prevalence == (0.98, 0.015, 0.005)


@pytest.mark.parametrize(
    "change",
    [
        {"sketches": {"a": {"edges": [1.0]}}},
        {"sketches": {"a": {**{k: getattr(SKETCH, k) for k in SKETCH.__dataclass_fields__}, "shares": [1.0]}}},
        {"prevalence": [0.5, 0.5]},
        {"prevalence": [0.5, 0.1, 0.1]},
    ],
)
def test_others_are_refused(tmp_path, change):
    info = json.loads(entries(dump_model(make("single-platt")))["model.json"])["info"]
    (tmp_path / "model.pkl").write_bytes(rebuilt({}, manifest={"info": {**info, **change}}))
    with pytest.raises(UnsafeModelFile):
        load_model(tmp_path / "model.pkl")
