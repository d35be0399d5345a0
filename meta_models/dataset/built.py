"""A folder that ``meta-models build`` wrote: genes, table, and what they were made from."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

from meta_models.dataset.genes.folder import GeneFolder
from meta_models.dataset.info import DatasetInfo, read_facts, read_info
from meta_models.dataset.reading.files import GENES_FOLDER, INFO_FILE, MASTER_FOLDER
from meta_models.errors import InputError
from meta_models.features import Recipe, require_versions
from meta_models.places import TablePath, place

#: Of the folders that are built, and read.
FORMAT = 1


@dataclass(frozen=True)
class BuiltFolder:
    """A built folder; made by :meth:`open`.

    Attributes
    ----------
    recipe : Recipe
        How the columns of its table were computed.
    """

    path: TablePath
    recipe: Recipe

    @classmethod
    def open(cls, path: TablePath) -> BuiltFolder:
        """Read the recipe in ``dataset_info.json``.

        Raises
        ------
        InputError
            If `path` is no built folder, or was built by a version whose recipes this one does not know.
        """
        if not is_built(path):
            raise InputError(
                f"{path} must be a folder of meta-models build", f"It has no {GENES_FOLDER}/ and {MASTER_FOLDER}/"
            )
        content = read_facts(path / INFO_FILE)
        if content.get("format", FORMAT) != FORMAT:
            found = f"{path} says {content['format']!r:.40}"
            raise InputError(f"Folders of format {FORMAT} of meta-models build are read", found, "Build it again")
        recipe = Recipe.from_json(content.get("recipe"))
        require_versions(recipe)
        return cls(path, recipe)

    @property
    def master(self) -> TablePath:
        """The table of rows."""
        return self.path / MASTER_FOLDER

    @cached_property
    def genes(self) -> GeneFolder:
        """The genes."""
        return GeneFolder.open(self.path / GENES_FOLDER, self.recipe)

    @cached_property
    def info(self) -> DatasetInfo:
        """What ``dataset_info.json`` says of the table."""
        return read_info(self.path)


def is_built(path: TablePath) -> bool:
    """Whether `path` looks like a folder that ``meta-models build`` wrote."""
    return (path / GENES_FOLDER).is_dir() and (path / MASTER_FOLDER).is_dir() and (path / INFO_FILE).is_file()


def table_of(path: TablePath) -> TablePath:
    """The table of rows in a built folder, or in one that holds nothing but it; any other path is given back."""
    return path / MASTER_FOLDER if is_built(path) or _holds_a_table_alone(path) else path


def _holds_a_table_alone(path: TablePath) -> bool:
    """Whether a folder ``master`` with facts of its own is all that there is."""
    if not (path / MASTER_FOLDER / INFO_FILE).is_file():
        return False
    _, folders, names = next(iter(place(path).tree()))
    return [name for name in (*folders, *names) if not name.startswith((".", "_"))] == [MASTER_FOLDER]
