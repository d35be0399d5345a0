"""YAML files as users write them: small, in UTF-8, each key once, numbers that mean the same to everybody."""

from __future__ import annotations

import re
from typing import Any

import yaml

from meta_models.errors import UsageError
from meta_models.local_paths import SmallFile, read_utf8

_INT, _FLOAT, _DATE, _BOOL = (f"tag:yaml.org,2002:{name}" for name in ("int", "float", "timestamp", "bool"))
#: More digits than any option has: Python refuses to read numbers of very many.
_LONGEST_NUMBER = 100
_WHOLE = re.compile(r"[-+]?(?:0|[1-9][0-9]*)")
#: ``1e-3`` and ``1.5e3``, which are numbers to YAML 1.2 and text to YAML 1.1.
_EXPONENT = re.compile(r"[-+]?(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)[eE][-+]?[0-9]+\Z")
#: YAML 1.1's words for true and false but ``on`` and ``off``, which are text to YAML 1.2.
_YES_OR_NO = re.compile(r"(?:yes|Yes|YES|no|No|NO|true|True|TRUE|false|False|FALSE)\Z")


def read_yaml(path: SmallFile) -> Any:
    """What a YAML file holds: dates stay text, and so do ``on`` and ``off``, which are values of options.

    Raises
    ------
    OSError
        If it cannot be read.
    UnicodeError
        If it is no UTF-8, in words.
    yaml.YAMLError
        If it is no YAML, a key stands in it twice, of which YAML's own reader keeps the last one without a word, or a
        number is written so that some read another one (``010``, ``1:30``, ``0x1F``, ``1_000``).
    RecursionError
        If it is nested too deeply.

    References
    ----------
    YAML 1.2, section 10.3.2 (core schema), and YAML 1.1's types int and timestamp, which PyYAML follows.
    """
    try:
        return yaml.load(read_utf8(path), _Strict)  # noqa: S506 - it is a safe loader
    except yaml.MarkedYAMLError as error:
        raise yaml.YAMLError(_in_words(error)) from None


def asked_for(path: SmallFile, needed_by: str) -> Any:
    """What a YAML file holds that an option names, as `read_yaml`.

    Parameters
    ----------
    needed_by : str
        The option, or who else asks for it, in messages.

    Raises
    ------
    UsageError
        If it cannot be read.
    """
    expected = f"{needed_by} needs a readable YAML file, found {path}"
    try:
        return read_yaml(path)
    except OSError as error:
        raise UsageError(expected, error.strerror or str(error), "Check the path") from None
    except (UnicodeError, yaml.YAMLError, RecursionError) as error:
        raise UsageError(expected, str(error), "Correct the file") from None


def _in_words(error: yaml.MarkedYAMLError) -> str:
    """One line: where it is, and what is wrong there."""
    said = ", ".join(filter(None, (error.context, error.problem)))
    mark = error.problem_mark
    return said if mark is None else f"line {mark.line + 1}, column {mark.column + 1}: {said}"


class _Strict(yaml.SafeLoader):
    """The safe loader without what it does in silence: a key that stands twice, 010 as eight, 1:30 as ninety."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:  # noqa: FBT001, FBT002
        """A mapping of which every key stands there once; what ``<<`` merges may be given anew."""
        earlier: set[str] = set()
        for key in (key for key, _ in node.value if isinstance(key, yaml.ScalarNode) and key.value != "<<"):
            if key.value in earlier:
                raise _error(f"the key {key.value!r} stands there twice", key)
            earlier.add(key.value)
        return super().construct_mapping(node, deep)

    def construct_object(self, node: yaml.Node, deep: bool = False) -> Any:  # noqa: FBT001, FBT002
        """A value; what PyYAML's constructors raise of themselves (``!!int abc``, ``!!bool maybe``) has a place."""
        if node.tag in (_INT, _FLOAT) and isinstance(node, yaml.ScalarNode):
            _require_plain(node)
        try:
            return super().construct_object(node, deep)
        except (ValueError, KeyError, AttributeError):
            raise _error(f"{node.value!r:.60} cannot be read as {node.tag.rpartition(':')[2]}", node) from None


def _require_plain(node: yaml.ScalarNode) -> None:
    """Refuse a number that not everybody reads alike, or that is none."""
    if len(node.value) > _LONGEST_NUMBER:
        raise _error(f"a number of {len(node.value):,} characters", node)
    if node.tag == _INT and not _WHOLE.fullmatch(node.value):
        raise _error(
            f"{node.value!r} is not the same number to everybody: write it in plain digits, or in quotes", node
        )
    if node.tag == _FLOAT and (":" in node.value or "_" in node.value):
        raise _error(f"{node.value!r} is not the same number to everybody: write it with a point, or in quotes", node)


def _error(problem: str, node: yaml.Node) -> yaml.constructor.ConstructorError:
    return yaml.constructor.ConstructorError(None, None, problem, node.start_mark)


_Strict.yaml_implicit_resolvers = {
    first: [(tag, pattern) for tag, pattern in found if tag not in {_DATE, _BOOL}]
    for first, found in yaml.SafeLoader.yaml_implicit_resolvers.items()
}
_Strict.add_implicit_resolver(_BOOL, _YES_OR_NO, list("yYnNtTfF"))
_Strict.add_implicit_resolver(_FLOAT, _EXPONENT, list("-+.0123456789"))
