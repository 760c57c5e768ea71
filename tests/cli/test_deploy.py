"""`pipes deploy`, `undeploy` and `graph`, as a user types them."""

from __future__ import annotations

import json
import re
import xml.etree.ElementTree as ET

import pytest

from tests.cli.conftest import Project


def test_a_dag_file_is_created_then_unchanged_then_updated(numbers: Project) -> None:
    first = numbers.pipes("deploy", "numbers_.py", "--dags-folder", "dags")
    path = numbers.root / "dags/numbers.py"
    assert first.code == 0, first.err
    assert first.out == f"created    {path}  DAG numbers\n"
    text = path.read_text()
    assert 'dag_id="numbers"' in text
    assert numbers.pipes("deploy", "numbers_.py:numbers", "--dags-folder", "dags").out.startswith("unchanged")
    source = (numbers.root / "numbers_.py").read_text()
    numbers.write("numbers_.py", source.replace("2 * number", "3 * number"))
    assert numbers.pipes("deploy", "numbers_:numbers", "--dags-folder", "dags").out.startswith("updated")
    assert path.read_text() != text


def test_json_tells_what_was_deployed(numbers: Project) -> None:
    (document,) = json.loads(numbers.pipes("deploy", "numbers_.py", "--json").out)
    deployment = document.pop("deployment_id")
    assert document == {
        "target": "numbers_.py",
        "dag_id": "numbers",
        "path": str(numbers.root / "dags/numbers.py"),
        "warnings": [],
        "result": "created",
    }
    assert (numbers.root / f".pipes/artifacts/deployments/{deployment}.json").is_file()


def test_check_and_diff_look_and_touch_nothing(numbers: Project) -> None:
    before = numbers.tree()
    missing = numbers.pipes("deploy", "numbers_.py", "--check")
    assert missing.code == 1
    assert re.search(
        r"dags/numbers\.py: is missing \(numbers_\.py\)\nrun `pipes deploy numbers_\.py`", missing.err
    )
    shown = numbers.pipes("deploy", "numbers_.py", "--diff")
    assert shown.code == 0
    assert '+    dag_id="numbers",' in shown.out
    assert numbers.tree() == before

    numbers.pipes("deploy", "numbers_.py")
    before = numbers.tree()
    assert numbers.pipes("deploy", "numbers_.py", "--check").out == "the DAG file is up to date\n"
    assert numbers.pipes("deploy", "numbers_.py", "--diff").code == 0
    assert numbers.tree() == before

    source = (numbers.root / "numbers_.py").read_text()
    numbers.write("numbers_.py", source.replace("int = 3", "int = 4"))
    before = numbers.tree()
    both = numbers.pipes("deploy", "numbers_.py", "--diff", "--check", "--dags-folder", "dags")
    assert both.code == 1
    assert re.search(r"\n- +3,\n\+ +4,\n", both.out), both.out
    assert "numbers.py: differs" in both.err
    (document,) = json.loads(numbers.pipes("deploy", "numbers_.py", "--diff", "--json").out)
    assert document["changed"] is True
    assert numbers.tree() == before


def test_check_names_a_command_that_mends_what_it_found(numbers: Project) -> None:
    done = numbers.pipes("deploy", "numbers_.py", "--check", "--dags-folder", "my dags")
    command = re.search(r"run `pipes (.*)`", done.err)
    assert command is not None
    assert command[1] == "deploy numbers_.py --dags-folder 'my dags'"


def test_several_pipelines_are_deployed_at_once_and_removed_by_target_or_id(numbers: Project) -> None:
    other = (numbers.root / "numbers_.py").read_text().replace("def numbers(", "def others(")
    numbers.write("other.py", other)
    done = numbers.pipes("deploy", "numbers_.py", "other.py:others", "numbers_.py")
    assert [line.split()[0] for line in done.out.splitlines()] == ["created", "created"]
    assert {"dags/numbers.py", "dags/others.py"} <= set(numbers.tree())
    removed = numbers.pipes("undeploy", "numbers_.py", "others")
    assert removed.code == 0, removed.err
    assert not {"dags/numbers.py", "dags/others.py"} & set(numbers.tree())
    again = numbers.pipes("undeploy", "others")
    assert again.code == 7
    assert "there is no DAG file of 'others'" in again.err


def test_a_dags_folder_inside_of_the_project_changes_nothing(numbers: Project) -> None:
    def all_but_the_memo() -> dict[str, bytes | None]:
        # It is written once the files are old enough for their times to be trusted.
        return {path: data for path, data in numbers.tree().items() if not path.startswith(".pipes/cache")}

    numbers.pipes("deploy", "numbers_.py", "--dags-folder", "dags")
    before = all_but_the_memo()
    for _ in range(2):
        assert numbers.pipes("deploy", "numbers_.py", "--dags-folder", "dags").out.startswith("unchanged")
    assert all_but_the_memo() == before


@pytest.mark.parametrize("made", [True, False])
def test_the_home_of_the_projects_own_airflow_moves_no_dag_files(numbers: Project, made: bool) -> None:
    home = numbers.root / ".pipes/airflow"
    if made:
        home.mkdir(parents=True)
    done = numbers.pipes("deploy", "numbers_.py", env={"AIRFLOW_HOME": str(home)})
    assert done.out == f"created    {numbers.root / 'dags/numbers.py'}  DAG numbers\n"


def test_the_home_that_was_given_to_pipes_up_moves_no_dag_files(numbers: Project) -> None:
    home = numbers.root.parent / "elsewhere"
    home.mkdir()
    told = numbers.pipes("deploy", "numbers_.py", env={"AIRFLOW_HOME": str(home)})
    assert told.out.startswith(f"created    {home / 'dags/numbers.py'}")
    (home / "pipes-airflow.lock").touch()  # as `pipes up --home` leaves it
    ours = numbers.pipes("deploy", "numbers_.py", env={"AIRFLOW_HOME": str(home)})
    assert ours.out.startswith(f"created    {numbers.root / 'dags/numbers.py'}")


def test_pipes_toml_names_the_folder_and_the_dag(numbers: Project) -> None:
    numbers.write(
        "pipes.toml",
        '[orchestrators.airflow]\nflavor = "airflow"\ndags_folder = "out"\ndag_id = "staging_{pipeline}"\n',
    )
    done = numbers.pipes("deploy", "numbers_.py")
    assert done.out == f"created    {numbers.root / 'out/staging_numbers.py'}  DAG staging_numbers\n"
    assert numbers.pipes("undeploy", "numbers_.py").code == 0
    assert "out/staging_numbers.py" not in numbers.tree()


def test_code_in_the_store_is_not_verified_again(numbers: Project) -> None:
    numbers.write("other.py", "print('imported')\n")
    source = (numbers.root / "numbers_.py").read_text()
    numbers.write(
        "numbers_.py",
        f"from pathlib import Path\nPath({str(numbers.root / 'imports')!r}).open('a').write('x')\n{source}",
    )
    numbers.pipes("deploy", "numbers_.py")
    assert (numbers.root / "imports").read_text() == "xx"
    numbers.pipes("deploy", "numbers_.py")
    assert (numbers.root / "imports").read_text() == "xxx"


@pytest.mark.parametrize(
    ("form", "says"),
    [("mermaid", r'flowchart TD\n    s0\["double"\]'), ("dot", r'digraph "numbers" \{'), ("svg", r"<svg ")],
)
def test_a_graph_is_drawn_and_nothing_else_written(numbers: Project, form: str, says: str) -> None:
    before = numbers.tree()
    done = numbers.pipes("graph", "numbers_.py", "--format", form)
    assert done.code == 0, done.err
    assert re.match(says, done.out)
    assert numbers.tree() == before
    name = {"mermaid": "graph.mmd", "dot": "graph.dot", "svg": "graph.svg"}[form]
    assert numbers.pipes("graph", "numbers_.py", "--output", name).code == 0
    assert (numbers.root / name).read_text() == done.out
    if form == "svg":
        ET.fromstring(done.out)


def test_a_graph_is_not_written_as_what_its_name_does_not_say(numbers: Project) -> None:
    before = numbers.tree()
    done = numbers.pipes("graph", "numbers_.py", "-o", "numbers.png")
    assert done.code == 2
    assert "'numbers.png' ends in '.png'" in done.err
    assert ".svg" in done.err
    assert numbers.tree() == before
    assert numbers.pipes("graph", "numbers_.py", "-o", "numbers.txt", "--format", "dot").code == 0
    assert (numbers.root / "numbers.txt").read_text().startswith("digraph")


def test_all_are_undeployed_or_none(numbers: Project) -> None:
    assert numbers.pipes("deploy", "numbers_.py").code == 0
    before = numbers.tree()

    done = numbers.pipes("undeploy", "numbers", "nope", "neither")

    assert (done.code, done.out) == (7, "")
    assert "there is no DAG file of 'nope'" in done.err
    assert "there is no DAG file of 'neither'" in done.err
    assert numbers.tree() == before
    twice = numbers.pipes("undeploy", "numbers", "numbers_.py")
    assert (twice.code, twice.out.count("removed")) == (0, 1)


def test_a_graph_that_can_not_be_written_says_so(numbers: Project) -> None:
    done = numbers.pipes("graph", "numbers_.py", "--output", "nowhere/graph.svg")
    assert done.code == 7
    assert "cannot write nowhere/graph.svg: No such file or directory" in done.err


def test_version_and_help_know_every_command(numbers: Project) -> None:
    assert re.fullmatch(r"airflow-provider-pipes \d+\.\d+\.\d+\S*\n", numbers.pipes("--version").out)
    text = numbers.pipes("--help").out
    for command in ("run", "deploy", "undeploy", "graph", "runs", "up", "down", "status"):
        assert re.search(rf"\b{command}\b", text)
        assert numbers.pipes(command, "--help").code == 0


def test_status_without_an_airflow_says_how_to_start_one(numbers: Project) -> None:
    before = numbers.tree()
    done = numbers.pipes("status")
    assert done.code == 1
    assert "start it with `pipes up`" in done.out
    assert json.loads(numbers.pipes("status", "--json").out)["running"] is False
    assert numbers.pipes("down").code == 0
    assert numbers.tree() == before


def test_code_that_only_a_run_has_stored_is_verified_before_it_is_deployed(project: Project) -> None:
    project.write("query.sql", "select 1")
    project.write(
        "reads.py",
        """
        from pathlib import Path
        from airflow_provider_pipes import pipeline, step

        QUERY = Path(__file__).with_name("query.sql").read_text()

        @step
        def ask() -> str:
            return QUERY

        @pipeline
        def reads() -> None:
            ask()
        """,
    )
    assert project.pipes("run", "reads.py").code == 0

    done = project.pipes("deploy", "reads.py")

    assert done.code != 0
    assert "'query.sql' is read while a module is imported, and is not in the code snapshot" in done.err
    assert not (project.root / "dags").exists()
