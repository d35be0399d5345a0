"""The built-in demo table: simulated genes, two simulated base models, the columns of a real table.

It shows what the package does and is no benchmark: signals and lengths come from the literature (`motifs`), the base
models err by design (`scorer`).
"""

from meta_models.dataset.demo.table import write_demo_table

__all__ = ["write_demo_table"]
