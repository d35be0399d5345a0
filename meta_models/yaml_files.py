"""YAML files as users write them: small, in UTF-8, each key once."""

from __future__ import annotations

from typing import Any

import yaml

from meta_models.local_paths import SmallFile, read_utf8


def read_yaml(path: SmallFile) -> Any:
    """What a YAML file holds.

    Raises
    ------
    OSError
        If it cannot be read.
    UnicodeError
        If it is no UTF-8, in words.
    yaml.YAMLError
        If it is no YAML, or a key stands in it twice, of which YAML's own reader keeps the last one without a word.
    RecursionError
        If it is nested too deeply.
    """
    return yaml.load(read_utf8(path), _OneOfEachKey)  # noqa: S506 - it is a safe loader


class _OneOfEachKey(yaml.SafeLoader):
    """The safe loader, which refuses a key that stands twice."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:  # noqa: FBT001, FBT002
        """A mapping of which every key stands there once; what ``<<`` merges may be given anew."""
        keys = [(key.value, key.start_mark) for key, _ in node.value if isinstance(key, yaml.ScalarNode)]
        for number, (name, mark) in enumerate(keys):
            if name != "<<" and name in {earlier for earlier, _ in keys[:number]}:
                raise yaml.constructor.ConstructorError(None, None, f"the key {name!r} stands there twice", mark)
        return super().construct_mapping(node, deep)
