"""scikit-learn's estimator checks passed by our estimators and by XGBClassifier, side by side.

python benchmarks/sklearn_checks.py
"""

from __future__ import annotations

import warnings
from collections import Counter

import sklearn
import xgboost
from sklearn.utils.estimator_checks import check_estimator

from meta_models.estimators import GeneBatchEnsembleClassifier, MetaModelClassifier

ESTIMATORS = (
    MetaModelClassifier(learner_params={"n_estimators": 8}, n_folds=3, n_jobs=1),
    GeneBatchEnsembleClassifier(learner_params={"n_estimators": 8}, n_folds=3, n_jobs=1, max_genes_per_batch=40),
    xgboost.XGBClassifier(n_estimators=8, n_jobs=1),
)


def main() -> None:
    warnings.simplefilter("ignore")
    print(f"scikit-learn {sklearn.__version__}, xgboost {xgboost.__version__}")
    print("estimator\tchecks\tpassed\tfailed\tskipped")
    for estimator in ESTIMATORS:
        outcomes = check_estimator(estimator, on_fail=None)
        counts = Counter(outcome["status"] for outcome in outcomes)
        name = type(estimator).__name__
        print(f"{name}\t{len(outcomes)}\t{counts['passed']}\t{counts['failed']}\t{counts['skipped']}")
        for outcome in outcomes:
            if outcome["status"] == "failed":
                print(f"  {outcome['check_name']}: {str(outcome['exception']).splitlines()[0][:150]}")


if __name__ == "__main__":
    main()
