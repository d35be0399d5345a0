from pathlib import Path

import polars as pl

import meta_models
from meta_models.dataset.demo import write_demo_table

# Train on a table, compare with its base models out of fold, and save everything to a run folder.
table = write_demo_table(Path("demo_table"), n_genes=80)
run = meta_models.train(dataset=str(table), out_dir="results/quickstart", n_estimators=60, analyses=["base-vs-meta"])
print(run.headline.sentence())
figures = run.evaluation.to_frame().filter(metric="average_precision", stratum="all", population="genomic")
print(figures["target", "meta", "base_model", "base", "difference", "lower", "upper"])  # over families, 95 %
print(run.oof().head())  # one row per position, scored by a model that never saw its gene

# Load the model (nothing in its file is run) and evaluate it on every position of genes that it was not trained on.
model = meta_models.load("results/quickstart/model_multiclass*.pkl")
others = write_demo_table(Path("others"), n_genes=12, seed=1, every_position=True)
print(meta_models.evaluate(model, others).headline.sentence())

# Predict: polars, pandas and Arrow tables are matched by column name; (n, 3) for neither, donor, acceptor.
print(model.predict_proba(pl.read_parquet(f"{others}/*.parquet", n_rows=3)))

# The same training as a scikit-learn estimator: groups are the genes.
oof = run.oof()
X = oof.select("neither_score", "donor_score", "acceptor_score", "alt_donor_score", "alt_acceptor_score")
classifier = meta_models.MetaModelClassifier(learner_params={"n_estimators": 30})
classifier.fit(X, oof["label"], groups=oof["family"], sample_weight=oof["weight"])
print(classifier.predict_proba(X)[:3])  # neither, donor, acceptor
