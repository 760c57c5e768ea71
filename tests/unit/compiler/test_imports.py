from __future__ import annotations

import pytest

from airflow_provider_pipes.compiler.imports import absolute_name, scan_imports


def names(source: str, *, is_package: bool = False) -> set[str]:
    return set(scan_imports(source.encode(), is_package=is_package).names)


@pytest.mark.parametrize(
    "source",
    [
        "def f():\n    import a.b",
        "async def f():\n    async with x:\n        import a.b",
        "class C:\n    def f(self):\n        import a.b",
        "try:\n    pass\nexcept E:\n    import a.b",
        "try:\n    pass\nexcept* E:\n    pass\nelse:\n    import a.b",
        "try:\n    pass\nfinally:\n    import a.b",
        "if TYPE_CHECKING:\n    pass\nelif x:\n    import a.b",
        "for x in y:\n    pass\nelse:\n    import a.b",
        "while x:\n    with y:\n        import a.b",
        "match x:\n    case 1:\n        import a.b",
        "import a.b as c, json",
    ],
)
def test_an_import_counts_wherever_it_is_written(source: str) -> None:
    assert "a.b" in names(source)


def test_what_is_imported_from_a_package_may_be_a_module() -> None:
    assert names("from a.b import c, d as e") == {"a.b", "a.b.c", "a.b.d"}
    assert names("from . import c") == {".", ".c"}
    assert names("from ..a import c") == {"..a", "..a.c"}
    assert names("from a import *") == {"a", "a.*"}


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("importlib.import_module('a.b')", {"a.b"}),
        (
            "from importlib import import_module as load\nload('a.b')",
            {"importlib", "importlib.import_module", "a.b"},
        ),
        ("import_module(name='a')", {"a"}),
        ("import_module('.b', package=__package__)", {".b"}),
        ("import_module('..b', __spec__.parent)", {"..b"}),
        ("import_module('.b', 'pkg.sub')", {"pkg.sub.b"}),
        ("import_module('..b', 'pkg.sub')", {"pkg.b"}),
        ("import_module('..b', __name__)", {".b"}),
        ("import_module('.b', __name__)", set()),
        ("__import__('a.b')", {"a.b"}),
        ("__import__('a', fromlist=['b', 'c'])", {"a", "a.b", "a.c"}),
        ("__import__('a', globals(), None, None, 0)", {"a"}),
        ("__import__('', globals(), locals(), ('b',), 1)", {".", ".b"}),
        ("x = [f(__import__('a')) for f in y]", {"a"}),
    ],
)
def test_a_call_with_a_constant_is_an_import(source: str, expected: set[str]) -> None:
    found = scan_imports(source.encode(), is_package=False)
    assert (set(found.names), found.dynamic) == (expected, ())


def test_in_a_package_its_own_name_is_its_package() -> None:
    assert names("import_module('.b', __name__)", is_package=True) == {".b"}


@pytest.mark.parametrize(
    "call",
    [
        "import_module(name)",
        "import_module(f'plugins.{name}')",
        "importlib.import_module(*names)",
        "import_module('.b', package)",
        "import_module('.b')",
        "__import__(name)",
        "__import__('a', fromlist=names)",
        "__import__('a', level=depth)",
    ],
)
def test_a_call_without_a_constant_is_told_by_its_line(call: str) -> None:
    found = scan_imports(f"\n\nx = {call}\n".encode(), is_package=False)
    assert (found.names, found.dynamic) == ((), (3,))


def test_all_is_read_however_it_is_written() -> None:
    source = """
__all__ = ["a"] + other.__all__
__all__: list[str] = ["b"]
__all__ += ("c",)
__all__.append("d")
__all__.extend(["e", f"{f}"])
other.append("x")
if x:
    __all__ = ["f"]
"""
    assert scan_imports(source.encode(), is_package=True).exports == ("a", "b", "c", "d", "e", "f")


def test_a_coding_cookie_is_followed() -> None:
    source = "# -*- coding: latin-1 -*-\nname = 'é'\nimport a\n".encode("latin-1")
    assert scan_imports(source, is_package=False).names == ("a",)


def test_a_file_that_is_not_python_says_where() -> None:
    assert scan_imports(b"x = 1\nimport = 2\n", is_package=False).error.startswith("2: invalid syntax")
    assert "null bytes" in scan_imports(b"x = 1\0", is_package=False).error
    assert "utf-8" in scan_imports(b"x = '\xe9'", is_package=False).error
    assert scan_imports(b"-" * 200_000 + b"1", is_package=False).error.startswith("1: ")


@pytest.mark.filterwarnings("error")
def test_a_warning_about_the_users_code_is_not_ours_to_give() -> None:
    assert scan_imports(b"import a\nx = '\\d'\n", is_package=False).names == ("a",)


@pytest.mark.parametrize(
    ("name", "package", "expected"),
    [
        ("a.b", "p", "a.b"),
        (".", "p.q", "p.q"),
        (".a", "p.q", "p.q.a"),
        ("..a", "p.q", "p.a"),
        ("..", "p.q", "p"),
        ("...a", "p.q", None),
        (".a", "", None),
        (".*", "p", "p.*"),
    ],
)
def test_leading_dots_count_from_the_package(name: str, package: str, expected: str | None) -> None:
    assert absolute_name(name, package) == expected
