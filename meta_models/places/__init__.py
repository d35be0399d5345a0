"""Where the bytes of a table come from: a file or folder of this machine, or objects in a store.

::

    path = table_path("s3://bucket/table")     # a Path, or an ObjectPath with as much of its interface as tables need
    for file in discover(path):
        with place(file).open() as stream: ...

A `Place` is what is done with such a path: look at it, list it, open it, read rows of it, tell whether it is still the
same. There is a class for each kind of path, and no other code asks which kind a path is.
"""

from meta_models.places.inputs import describe_input, require_inputs
from meta_models.places.object_path import ObjectPath
from meta_models.places.place import CONTENT, Form, Place, Stretch, TablePath
from meta_models.places.places import place, table_path

__all__ = [
    "CONTENT",
    "Form",
    "ObjectPath",
    "Place",
    "Stretch",
    "TablePath",
    "describe_input",
    "place",
    "require_inputs",
    "table_path",
]
