"""Whatever a user writes arrives as it is, and is neither executed, rendered nor read from disk."""

from __future__ import annotations

import inspect
import itertools
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from tests.airflow.harness import AirflowHome, DagRunRequest
from tests.airflow.projects import Project
from tests.unit.orchestrators.dag_files import json_values, texts

pytestmark = pytest.mark.airflow

SECRET = "what the files say"
# Relative to the folder that Airflow works in, where there are files of these names.
TRAPS = (
    "secret.sh",
    "secret.md",
    "./secret.md",
    "{{ 7 * 7 }}",
    "{{ dag.dag_id }}.md",
    "{% include 'secret.md' %}",
    "{% for %}",
    "{# a comment #}",
    "{{ cycler.__init__.__globals__.os.system('touch executed') }}",
    "$(touch executed)",
    "`touch executed`",
    '");import os;os.system("touch executed")#',
    "');import os;os.system('touch executed')#",
    '"""\nimport os; os.system("touch executed")\n"""',
    "\\",
    "\\N{BULLET}",
    "%(asctime)s {0} ${HOME} ~",
    "line\nbreak\r\nand\ttab",
    "<script>alert(1)</script>",
    "\u202eback\u202c \u2028 \x1b[31m é 漢字 🚀",
    "None",
    "true",
    "1e400",
    "'''" + '"""' + "\\'",
)
# What goes through Airflow's database can't hold these; the compiler says so, and other tests test that.
airflow_texts = texts.map(lambda text: text.replace("\0", "").encode(errors="ignore").decode())
structures = json_values(texts)


@dataclass(frozen=True)
class Example:
    """What one step is given."""

    constant: Any
    default: str
    given: str
    doc: str
    output: str


def example_of(text: str) -> Example:
    nested = {text: [text, {text: None}, [[text]]], "": text}
    return Example(constant=nested, default=text, given=text, doc=text, output=text)


examples = st.builds(
    Example,
    constant=structures,
    default=airflow_texts,
    given=airflow_texts,
    doc=airflow_texts,
    output=airflow_texts.filter(bool),
)


def module_of(examples: Sequence[Example], description: str, doc: str, tags: Sequence[str]) -> str:
    """Return a module whose pipeline ``texts`` has a step for each example, and one that gets all results."""
    lines = [
        "from typing import Annotated, Any",
        "from notes import note",
        "from airflow_provider_pipes import pipeline, step",
    ]
    calls, results = [], []
    for number, each in enumerate(examples):
        lines += [
            "@step",
            f"def take_{number}(constant: Any, parameter: str) -> Annotated[Any, {each.output!r}]:",
            f"    {each.doc!r}",
            f'    note("take", {number}, repr(constant), parameter)',
            "    return constant",
        ]
        calls.append(f"    result_{number} = take_{number}({each.constant!r}, parameter_{number})")
        results.append(f"result_{number}")
    parameters = ", ".join(f"parameter_{n}: str = {each.default!r}" for n, each in enumerate(examples))
    lines += [
        "@step",
        "def collect(values: list[Any]) -> None:",
        "    for number, value in enumerate(values):",
        '        note("collect", number, repr(value))',
        f"@pipeline(description={description!r}, tags={list(tags)!r})",
        f"def texts({parameters}) -> None:",
        f"    {doc!r}",
        *calls,
        f"    collect([{', '.join(results)}])",
    ]
    return "\n".join(lines) + "\n"


# What Airflow itself has of the texts after it read the file.
DESCRIBE = """
    import json, sys
    from airflow.dag_processing.dagbag import DagBag

    bag = DagBag(sys.argv[1])
    assert not bag.import_errors, bag.import_errors
    dag = bag.dags["texts"]
    found = {
        "description": dag.description,
        "doc": dag.doc_md,
        "tags": sorted(dag.tags),
        "docs": {task.task_id: task.doc_md for task in dag.tasks},
    }
    with open(sys.argv[2], "w") as file:
        json.dump(found, file)
"""


def expected_doc(text: str) -> str | None:
    """Return what Airflow gets of a docstring: cleaned by Python, and never the name of a file."""
    namespace: dict[str, Any] = {}
    exec(f"def f():\n    {text!r}", namespace)
    doc = inspect.getdoc(namespace["f"]) or None
    return f"{doc}\n" if doc and doc.endswith(".md") else doc


def run_and_check(
    home: AirflowHome, project: Project, examples: Sequence[Example], tags: Sequence[str]
) -> None:
    description, doc = examples[0].default, examples[0].doc
    for folder in (home.path, home.dags_folder, project.root):
        for name in ("secret.sh", "secret.md"):
            (folder / name).write_text(SECRET)
    project.write("texts.py", module_of(examples, description, doc, tags))
    project.deploy("texts.py:texts")
    conf = {f"parameter_{n}": each.given for n, each in enumerate(examples) if n % 2}

    (run,) = home.run_dags([DagRunRequest("texts", conf)])

    run.check()
    for number, each in enumerate(examples):
        given = each.given if number % 2 else each.default
        assert [number, repr(each.constant), given] in project.noted("take")
        assert [number, repr(each.constant)] in project.noted("collect")
        assert list(run.xcom(f"take_{number}")) == [each.output]
    home.python(DESCRIBE, str(home.dags_folder), str(home.path / "found.json"))
    found = json.loads((home.path / "found.json").read_text())
    assert found["description"] == (description or None)
    assert found["doc"] == expected_doc(doc)
    assert found["tags"] == sorted(set(tags))
    for number, each in enumerate(examples):
        assert found["docs"][f"take_{number}"] == expected_doc(each.doc)
    assert SECRET not in run.log + json.dumps([found, project.notes()])
    assert not list(home.path.rglob("executed")) + list(project.root.rglob("executed"))


def test_texts_that_mean_something_to_somebody_arrive_as_they_are(
    airflow_home: AirflowHome, tmp_path: Path
) -> None:
    project = Project(tmp_path / "project", airflow_home)
    traps = [example_of(text) for text in (*TRAPS, str(tmp_path / "airflow" / "secret.md"))]
    run_and_check(airflow_home, project, traps, [text for text in TRAPS if len(text) <= 100])


_number = itertools.count()


@settings(
    max_examples=1,
    deadline=None,
    phases=(Phase.explicit, Phase.reuse, Phase.generate),  # to shrink would take minutes
    suppress_health_check=list(HealthCheck),
)
@given(
    examples=st.lists(examples, min_size=40, max_size=40, unique_by=repr),
    tags=st.lists(airflow_texts, max_size=6),
)
def test_arbitrary_texts_arrive_as_they_are(
    migrated_home: AirflowHome,
    tmp_path_factory: pytest.TempPathFactory,
    examples: list[Example],
    tags: list[str],
) -> None:
    folder = tmp_path_factory.mktemp(f"texts-{next(_number)}")
    home = AirflowHome(folder / "airflow")
    home.copy_database(migrated_home)
    shown = [tag[:100] for tag in tags if tag[:100].strip()]
    run_and_check(home, Project(folder / "project", home), examples, shown)


NAMES = (
    *("a.sh", "b.md", "class", "None", "dag", "DAG", "step", "1st", "...", "__", "-", "x" * 247),
    *("StepPythonOperator", "A", "a", "a.b-c", "self", "import"),
)
# Airflow's API client within `dags test` can't send these; test_triggered runs them.
FOREIGN_NAMES = ("été", "漢字", "é" * 123, "_é.md")
BAD_NAMES = (
    "",
    "a b",
    "a/b",
    "{{ ds }}",
    "a\nb",
    "'",
    "x" * 248,
    "é" * 124,
    "🚀",
    "e\u0301",
    "$(id)",
    "a:b",
    "..",
)
NAMED = """
    from notes import note

    from airflow_provider_pipes import get_step_context, pipeline, step


    @step
    def takes(before: list[str]) -> str:
        note("takes", get_step_context().step_name, before)
        return get_step_context().step_name


    @pipeline
    def names() -> None:
        before = []
        for name in NAMES:
            before = [takes.with_options(name=name)(before)]
"""


def test_names_that_airflow_takes_work(airflow_home: AirflowHome, tmp_path: Path) -> None:
    project = Project(tmp_path / "project", airflow_home)
    project.write("names.py", NAMED.replace("NAMES", repr(NAMES)))
    project.deploy("names.py:names")

    (run,) = airflow_home.run_dags(["names"])

    assert run.check().states == dict.fromkeys(NAMES, "success")
    before: list[list[str]] = [[], *([name] for name in NAMES)]
    assert project.noted("takes") == [list(each) for each in zip(NAMES, before, strict=False)]


def test_names_that_airflow_does_not_take_are_all_told_and_nothing_is_written(
    airflow_home: AirflowHome, tmp_path: Path
) -> None:
    project = Project(tmp_path / "project", airflow_home)
    project.write("names.py", NAMED.replace("NAMES", repr(BAD_NAMES)))

    done = project.try_to_deploy("names.py:names")

    assert done.returncode == 5
    assert done.stderr.count("\n  - step ") == len(BAD_NAMES)
    assert "Traceback" not in done.stderr
    assert list(airflow_home.dags_folder.iterdir()) == []
    assert not project.store.exists()
