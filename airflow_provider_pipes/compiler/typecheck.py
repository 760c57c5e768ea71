"""Whether a value of one annotation may flow into an input of another.

A check at compile time that a person would agree with: it says no only where the types can't meet,
and stays silent about what it does not understand (TypeVars, protocols, types of other libraries'
plugins). mypy sees the same calls through ParamSpec and is the strict one.
"""

from __future__ import annotations

import types
import typing
from collections.abc import Mapping, Sequence
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from airflow_provider_pipes.authoring.values import Placeholder

_NUMERIC_TOWER = {(int, float), (int, complex), (float, complex)}


def type_name(annotation: Any) -> str:
    """Return an annotation as a person writes it."""
    if annotation is None or annotation is type(None):
        return "None"
    if annotation is Any:
        return "Any"
    if get_origin(annotation) is Annotated:
        return type_name(get_args(annotation)[0])
    if isinstance(annotation, type) and not get_args(annotation):
        return annotation.__qualname__
    return str(annotation).replace("typing.", "").replace("NoneType", "None")


def assignable(source: Any, target: Any) -> bool:
    """Whether a value annotated ``source`` may be given where ``target`` is expected."""
    source, target = plain_annotation(source), plain_annotation(target)
    if source == target or Any in (source, target) or target is object:
        return True
    if is_union(source):
        # One alternative that fits is enough: a person narrows an Optional inside the step.
        return any(assignable(each, target) for each in get_args(source))
    if is_union(target):
        return any(assignable(source, each) for each in get_args(target))
    if get_origin(source) is Literal:
        return any(value_fits(each, target) for each in get_args(source))
    if get_origin(target) is Literal:
        return any(assignable(source, type(each)) for each in get_args(target))
    return _classes_assignable(source, target)


def plain_annotation(annotation: Any) -> Any:
    """Return an annotation without Annotated, NewType and alias around it."""
    while get_origin(annotation) is Annotated:
        annotation = get_args(annotation)[0]
    if isinstance(annotation, typing.NewType):
        return plain_annotation(annotation.__supertype__)
    if type(annotation).__name__ == "TypeAliasType":  # `type X = …`, from Python 3.12
        return plain_annotation(annotation.__value__)
    return type(None) if annotation is None else annotation


def is_typeddict(annotation: Any) -> bool:
    """Whether the annotation is a TypedDict, also one of typing_extensions, which has a class of its own."""
    return typing.is_typeddict(annotation) or type(annotation).__name__ == "_TypedDictMeta"


def is_union(annotation: Any) -> bool:
    """Whether the annotation is a union, in either spelling."""
    return get_origin(annotation) in (Union, types.UnionType)


def _classes_assignable(source: Any, target: Any) -> bool:
    source_class, target_class = get_origin(source) or source, get_origin(target) or target
    if not isinstance(source_class, type) or not isinstance(target_class, type):
        return True
    if (source_class, target_class) in _NUMERIC_TOWER or getattr(target_class, "_is_protocol", False):
        return True
    if is_typeddict(target_class):
        return source_class is dict or source_class is target_class
    if is_typeddict(source_class):
        return issubclass(dict, target_class)
    if not _is_subclass(source_class, target_class):
        return False
    return _arguments_assignable(source, target)


def _is_subclass(source: type, target: type) -> bool:
    try:
        return issubclass(source, target)
    except TypeError:
        return True


def _arguments_assignable(source: Any, target: Any) -> bool:
    """Compare type arguments where both sides are containers of the same shape."""
    given, wanted = get_args(source), get_args(target)
    origin = get_origin(target)
    if (
        not given
        or not wanted
        or not isinstance(origin, type)
        or not issubclass(origin, Sequence | Mapping | set)
    ):
        return True
    if get_origin(source) is tuple and origin is tuple:
        return _tuples_assignable(given, wanted)
    if len(given) != len(wanted):
        return True
    return all(assignable(one, other) for one, other in zip(given, wanted, strict=True))


def _tuples_assignable(given: tuple[Any, ...], wanted: tuple[Any, ...]) -> bool:
    if Ellipsis in wanted:
        return all(assignable(each, wanted[0]) for each in given if each is not Ellipsis)
    if Ellipsis in given:
        return all(assignable(given[0], each) for each in wanted)
    return len(given) == len(wanted) and all(assignable(*pair) for pair in zip(given, wanted, strict=True))


def value_fits(value: Any, target: Any) -> bool:
    """Whether a constant written in the pipeline may be given where ``target`` is expected."""
    target = plain_annotation(target)
    if isinstance(value, Placeholder) or target in (Any, object):
        return True  # a placeholder inside a list is checked on its own
    if is_union(target):
        return any(value_fits(value, each) for each in get_args(target))
    if get_origin(target) is Literal:
        return any(type(value) is type(each) and value == each for each in get_args(target))
    if isinstance(value, bool) and target in (int, float):
        return True
    if not _classes_assignable(type(value), get_origin(target) or target):
        return False
    return _elements_fit(value, get_args(target))


def _elements_fit(value: Any, arguments: tuple[Any, ...]) -> bool:
    if not arguments:
        return True
    if isinstance(value, list | set):
        return all(value_fits(each, arguments[0]) for each in value)
    if isinstance(value, tuple):
        if Ellipsis in arguments:
            return all(value_fits(each, arguments[0]) for each in value)
        return len(value) == len(arguments) and all(
            value_fits(each, wanted) for each, wanted in zip(value, arguments, strict=True)
        )
    if isinstance(value, dict) and len(arguments) == 2:
        return all(
            value_fits(key, arguments[0]) and value_fits(each, arguments[1]) for key, each in value.items()
        )
    return True
