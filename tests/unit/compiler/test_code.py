from __future__ import annotations

import pytest

from airflow_provider_pipes.errors import SnapshotError
from tests.project import UserProject

FILES = {
    "pipeline.py": """
        from airflow_provider_pipes import pipeline, step
        from app.steps import load
        from other import report

        @pipeline(include=["data/*.csv"])
        def training():
            report(load())
        """,
    "app/__init__.py": "",
    "app/steps.py": """
        from airflow_provider_pipes import step
        from app import near

        @step
        def load() -> int:
            from app.lazy import value
            return value + near.far()
        """,
    "app/near.py": "import app.distant\n\ndef far():\n    return app.distant.VALUE\n",
    "app/distant.py": "VALUE = 1\n",
    "app/lazy.py": "value = 1\n",
    "app/unreachable.py": "VALUE = 1\n",
    "other.py": """
        from airflow_provider_pipes import step

        @step
        def report(n: int) -> None: ...
        """,
    "data/rows.csv": "a,b\n",
    "README.md": "read me\n",
}


@pytest.fixture
def app(project: UserProject) -> UserProject:
    for path, text in FILES.items():
        project.write(path, text)
    return project


def identity(project: UserProject) -> tuple[str, str, str, str]:
    deployment = project.deployment()
    hashes = {step.name: step.code_hash for step in deployment.step_specs}
    return deployment.id, deployment.code.hash, hashes["load"], hashes["report"]


@pytest.mark.parametrize("path", ["README.md", "app/unreachable.py", "data/notes.txt", "new_module.py"])
def test_what_no_step_can_reach_changes_nothing(app: UserProject, path: str) -> None:
    before, file = identity(app), app.dag_file().text
    app.write(path, "changed = 2\n")
    assert identity(app) == before
    assert app.dag_file().text == file


@pytest.mark.parametrize(
    ("path", "changed"),
    [
        ("app/distant.py", (True, True, True, False)),
        ("app/lazy.py", (True, True, True, False)),
        ("app/near.py", (True, True, True, False)),
        ("app/__init__.py", (True, True, True, False)),
        ("other.py", (True, True, False, True)),
        ("pipeline.py", (True, True, False, False)),
        ("data/rows.csv", (True, True, True, True)),
    ],
)
def test_a_change_reaches_what_can_reach_it(app: UserProject, path: str, changed: tuple[bool, ...]) -> None:
    before = identity(app)
    file = app.root / path
    file.write_text(file.read_text() + "\n# changed\n")
    after = identity(app)
    assert tuple(one != other for one, other in zip(before, after, strict=True)) == changed


def test_the_snapshot_holds_what_is_reachable_and_no_more(app: UserProject) -> None:
    compiled = app.compile()
    assert sorted(compiled.code.files) == [
        "app/__init__.py",
        "app/distant.py",
        "app/lazy.py",
        "app/near.py",
        "app/steps.py",
        "data/rows.csv",
        "other.py",
        "pipeline.py",
    ]
    compiled.code.verify()


def test_code_that_changes_while_it_is_compiled_is_told(app: UserProject) -> None:
    compiled = app.compile()
    app.write("other.py", "x = 1\n")
    with pytest.raises(SnapshotError):
        compiled.code.snapshot()


def test_a_computed_import_makes_the_hash_cover_everything(app: UserProject) -> None:
    app.write(
        "other.py",
        """
        import importlib
        from airflow_provider_pipes import step

        @step
        def report(n: int) -> None:
            importlib.import_module(str(n))
        """,
    )
    compiled = app.compile()
    assert compiled.deployment.steps["report"].code_hash == compiled.deployment.code.hash
    assert any("imports a name that is computed" in warning for warning in compiled.warnings)


VENDOR = """
    from airflow_provider_pipes import step

    @step
    def load() -> int:
        return 1
"""
USER = """
    import sys
    from pathlib import Path

    sys.path.append(str(Path(__file__).parent / "site-packages"))

    from vendor import load
    from airflow_provider_pipes import pipeline

    @pipeline
    def training():
        load()
"""


def test_a_step_of_an_installed_package_changes_with_its_version(project: UserProject) -> None:
    project.write("site-packages/vendor/__init__.py", VENDOR)
    project.write("flow.py", USER)
    project.write("site-packages/the_vendor-1.0.dist-info/top_level.txt", "vendor\n")
    hashes = []
    for version in ("1.0", "1.1"):
        metadata = f"Metadata-Version: 2.1\nName: the-vendor\nVersion: {version}\n"
        project.write("site-packages/the_vendor-1.0.dist-info/METADATA", metadata)
        compiled = project.compile("flow.py")
        hashes.append(compiled.deployment.steps["load"].code_hash)
        assert sorted(compiled.code.files) == ["flow.py"]
    assert hashes[0] != hashes[1]
