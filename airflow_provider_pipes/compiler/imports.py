"""What a source file imports, read from its text alone."""

from __future__ import annotations

import ast
import warnings
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

_CALLS = ("import_module", "__import__")
_STATEMENT_FIELDS = ("body", "orelse", "finalbody", "handlers", "cases")
# Where __import__(name, globals, locals, fromlist, level) has its last two arguments.
_FROMLIST, _LEVEL = 3, 4


@dataclass(frozen=True)
class FileImports:
    """The imports of one file, before anything is looked up.

    Attributes:
        names: Dotted names, sorted. Leading dots count from the file's package as in Python; a name
            that ends in ``.*`` is a star import. ``from a import b`` gives both ``a`` and ``a.b``,
            since ``b`` may be a module.
        dynamic: Lines that import something whose name is not written there.
        exports: What ``__all__`` lists; a star import loads those that are modules.
        error: Why the file can't be read as Python, as "12: invalid syntax"; empty where it can.
    """

    names: tuple[str, ...] = ()
    dynamic: tuple[int, ...] = ()
    exports: tuple[str, ...] = ()
    error: str = ""


def scan_imports(source: bytes, *, is_package: bool) -> FileImports:
    """Return what ``source`` imports anywhere in it: in functions, ``try``, ``if TYPE_CHECKING`` too.

    Args:
        source: Bytes, since a coding cookie says how to decode them.
        is_package: Whether the file is an ``__init__.py``.
    """
    try:
        with warnings.catch_warnings():
            # An invalid escape sequence is the user's to see when the module runs, not here.
            warnings.simplefilter("ignore")
            tree = ast.parse(source)
    except SyntaxError as error:
        return FileImports(error=f"{error.lineno or 1}: {error.msg}")
    except (ValueError, RecursionError, MemoryError) as error:
        return FileImports(error=f"1: {str(error) or type(error).__name__}")
    scan = _Scan(is_package)
    for statement in _statements(tree):
        scan.statement(statement)
    if any(name.encode() in source for name in _CALLS):
        scan.calls(tree)
    exports = tuple(sorted(set(_exports(tree)))) if b"__all__" in source else ()
    return FileImports(tuple(sorted(scan.names)), tuple(sorted(scan.dynamic)), exports)


def absolute_name(name: str, package: str) -> str | None:
    """Return ``name`` with its leading dots resolved in ``package``; None where they lead out of it."""
    tail = name.lstrip(".")
    level = len(name) - len(tail)
    if not level:
        return name
    parts = package.split(".") if package else []
    kept = len(parts) - level + 1
    if kept < 1:
        return None
    return ".".join([*parts[:kept], *([tail] if tail else [])])


def _statements(tree: ast.AST) -> Iterator[ast.AST]:
    # Several times faster than ast.walk, since expressions, most of a tree, hold no import statement.
    pending = [tree]
    while pending:
        node = pending.pop()
        for field in _STATEMENT_FIELDS:
            children = getattr(node, field, None)
            if isinstance(children, list):
                pending.extend(children)
        yield node


class _Scan:
    def __init__(self, is_package: bool) -> None:
        self.is_package = is_package
        self.names: set[str] = set()
        self.dynamic: set[int] = set()
        self.callees = set(_CALLS)

    def statement(self, node: ast.AST) -> None:
        if isinstance(node, ast.Import):
            self.names.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = "." * node.level + (node.module or "")
            self.names.add(base)
            self.names.update(_join(base, alias.name) for alias in node.names)
            self.callees.update(alias.asname for alias in node.names if alias.asname and alias.name in _CALLS)

    def calls(self, tree: ast.AST) -> None:
        for node in ast.walk(tree):
            if isinstance(node, ast.Call) and self._imports(node.func):
                names = self._called_names(node)
                if names is None:
                    self.dynamic.add(node.lineno)
                else:
                    self.names.update(names)

    def _imports(self, function: ast.expr) -> bool:
        if isinstance(function, ast.Attribute):
            return function.attr in _CALLS
        return isinstance(function, ast.Name) and function.id in self.callees

    def _called_names(self, call: ast.Call) -> Iterable[str] | None:
        """Return what a call imports, or None where the text does not say."""
        name = _text(_argument(call, 0, "name"))
        if name is None:
            return None
        callee = call.func.attr if isinstance(call.func, ast.Attribute) else getattr(call.func, "id", "")
        if callee == "__import__":
            return _builtin_import(call, name)
        return self._relative_import(call, name) if name.startswith(".") else (name,)

    def _relative_import(self, call: ast.Call, name: str) -> Iterable[str] | None:
        package = _argument(call, 1, "package")
        if (text := _text(package)) is not None:
            return filter(None, (absolute_name(name, text),))
        if _is_own_package(package) or (self.is_package and _is_name(package, "__name__")):
            return (name,)
        if _is_name(package, "__name__"):
            # A plain module passes its own name for its package's, so the first dot means itself,
            # where nothing can be, and each further one means one folder less than in a statement.
            return (name[1:],) if name.startswith("..") else ()
        return None


def _builtin_import(call: ast.Call, name: str) -> Iterable[str] | None:
    level, members = _argument(call, _LEVEL, "level"), _argument(call, _FROMLIST, "fromlist")
    dots = 0 if level is None else getattr(level, "value", None)
    listed = () if members is None else _strings(members)
    if not isinstance(dots, int) or listed is None:
        return None
    base = "." * dots + name
    return (base, *(_join(base, member) for member in listed))


def _join(base: str, name: str) -> str:
    return f"{base}{name}" if base.endswith(".") else f"{base}.{name}"


def _argument(call: ast.Call, position: int, keyword: str) -> ast.expr | None:
    if len(call.args) > position:
        return call.args[position]
    return next((each.value for each in call.keywords if each.arg == keyword), None)


def _text(node: ast.expr | None) -> str | None:
    return node.value if isinstance(node, ast.Constant) and isinstance(node.value, str) else None


def _is_name(node: ast.expr | None, name: str) -> bool:
    return isinstance(node, ast.Name) and node.id == name


def _is_own_package(node: ast.expr | None) -> bool:
    if isinstance(node, ast.Attribute):
        return node.attr == "parent" and _is_name(node.value, "__spec__")
    return _is_name(node, "__package__")


def _strings(node: ast.expr) -> list[str] | None:
    if isinstance(node, ast.Constant) and node.value is None:
        return []
    if not isinstance(node, ast.List | ast.Tuple | ast.Set):
        return None
    texts = [_text(element) for element in node.elts]
    return None if None in texts else [text for text in texts if text is not None]


def _exports(tree: ast.Module) -> Iterator[str]:
    for node in _statements(tree):
        if isinstance(node, ast.Assign | ast.AnnAssign | ast.AugAssign | ast.Expr) and _lists_exports(node):
            for each in ast.walk(node):
                if isinstance(each, ast.Constant) and isinstance(each.value, str):
                    yield each.value


def _lists_exports(node: ast.Assign | ast.AnnAssign | ast.AugAssign | ast.Expr) -> bool:
    """Whether a statement sets ``__all__``, adds to it or calls a method of it."""
    if isinstance(node, ast.Assign):
        return any(_is_name(target, "__all__") for target in node.targets)
    if isinstance(node, ast.AnnAssign | ast.AugAssign):
        return _is_name(node.target, "__all__")
    method = node.value.func if isinstance(node.value, ast.Call) else None
    return isinstance(method, ast.Attribute) and _is_name(method.value, "__all__")
