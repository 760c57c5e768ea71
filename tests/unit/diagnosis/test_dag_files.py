from __future__ import annotations

import json
import shlex
from pathlib import Path

from airflow_provider_pipes.diagnosis.dag_files import deployed_files
from airflow_provider_pipes.orchestrators.airflow.marker import Marker
from tests.cli.conftest import PIPELINE, Project
from tests.unit.diagnosis.examining import examine, the


def test_dag_files_are_compared_with_the_code(numbers: Project) -> None:
    assert numbers.pipes("deploy", "numbers_.py").code == 0
    assert the(examine(numbers, code=0), "dag-files")["seen"] == "what the pipelines compile to: numbers.py"

    file = numbers.root / "numbers_.py"
    file.write_text(file.read_text().replace("number: int = 3", "number: int = 4"))
    finding = the(examine(numbers, code=0), "dag-files")

    assert finding["status"] == "warning"
    assert finding["seen"] == "numbers.py is not what numbers_.py:numbers compiles to now"
    assert finding["fix"] == "pipes deploy numbers_.py:numbers"
    assert numbers.pipes(*shlex.split(finding["fix"])[1:]).code == 0
    assert the(examine(numbers, code=0), "dag-files")["status"] == "ok"


def test_a_dag_file_whose_pipeline_no_longer_compiles_is_a_problem(numbers: Project) -> None:
    assert numbers.pipes("deploy", "numbers_.py").code == 0
    file = numbers.root / "numbers_.py"
    file.write_text(file.read_text().replace("show(double(number))", "show(double(nobody))"))

    finding = the(examine(numbers, code=1), "dag-files")

    assert finding["seen"].startswith("numbers.py: numbers_.py:numbers does not compile: ")
    assert "nobody" in finding["seen"]
    assert finding["fix"].startswith("${EDITOR:-vi} +")
    assert finding["fix"].endswith(f" {file}")


def test_a_module_that_can_not_be_imported_is_to_be_mended_where_it_raised(numbers: Project) -> None:
    assert numbers.pipes("deploy", "numbers_.py").code == 0
    file = numbers.root / "numbers_.py"
    file.write_text(f"import panads\n{file.read_text()}")

    finding = the(examine(numbers, code=1), "dag-files")

    assert "No module named 'panads'" in finding["seen"]
    assert finding["fix"] == f"${{EDITOR:-vi}} +1 {file}"


def test_a_pipeline_that_is_no_more_is_to_be_undeployed(numbers: Project) -> None:
    assert numbers.pipes("deploy", "numbers_.py").code == 0
    file = numbers.write("numbers_.py", "number = 1\n")

    finding = the(examine(numbers, code=1), "dag-files")
    assert "'numbers' in 'numbers_' is no pipeline" in finding["seen"] or "there is no" in finding["seen"]
    assert finding["fix"] == "pipes undeploy numbers"

    file.rename(file.with_name("moved.py"))
    moved = the(examine(numbers, code=0), "dag-files")
    assert moved["status"] == "warning"
    assert "its pipeline numbers_:numbers is not in" in moved["seen"]
    assert moved["fix"] == "pipes undeploy numbers"
    assert numbers.pipes(*shlex.split(moved["fix"])[1:]).code == 0


def test_a_dag_file_without_its_deployment_is_a_problem(numbers: Project) -> None:
    assert numbers.pipes("deploy", "numbers_.py").code == 0
    for each in (numbers.root / ".pipes/artifacts/deployments").iterdir():
        each.unlink()

    finding = the(examine(numbers, code=1), "dag-files")

    assert "its deployment is not in the artifact store, so its tasks fail" in finding["seen"]
    assert finding["fix"] == "pipes deploy numbers_.py:numbers"
    assert numbers.pipes(*shlex.split(finding["fix"])[1:]).code == 0
    examine(numbers, code=0)


def test_a_deployment_of_a_newer_version_is_a_problem(numbers: Project) -> None:
    assert numbers.pipes("deploy", "numbers_.py").code == 0
    (file,) = (numbers.root / ".pipes/artifacts/deployments").iterdir()
    file.write_text(file.read_text().replace('"schema_version":1', '"schema_version":99'))

    finding = the(examine(numbers, code=1), "dag-files")

    assert "schema version 99" in finding["seen"]
    assert finding["fix"] == "pip install --upgrade airflow-provider-pipes"


def test_a_pipeline_in_a_subfolder_is_found_again(project: Project) -> None:
    project.write("flows/deep/numbers_.py", PIPELINE)
    assert project.pipes("deploy", "flows/deep/numbers_.py").code == 0
    assert the(examine(project, code=0), "dag-files")["status"] == "ok"


def test_a_file_of_a_renamed_dag_is_left_over(numbers: Project) -> None:
    assert numbers.pipes("deploy", "numbers_.py").code == 0
    numbers.write("pipes.toml", '[orchestrators.airflow]\nflavor = "airflow"\ndag_id = "new_{pipeline}"\n')

    finding = the(examine(numbers, code=0), "dag-files")

    assert finding["seen"] == "numbers.py is left over: numbers_.py:numbers is now deployed as new_numbers"
    assert finding["fix"] == "pipes undeploy numbers"
    assert numbers.pipes(*shlex.split(finding["fix"])[1:]).code == 0
    assert the(examine(numbers, code=0), "dag-files")["seen"] == "nothing is deployed"


def test_files_of_another_stack_are_not_taken_for_stale(numbers: Project) -> None:
    assert numbers.pipes("deploy", "numbers_.py").code == 0
    numbers.write(
        "pipes.toml",
        """
        [stacks.other]
        orchestrator = "airflow"
        artifact_store = "elsewhere"
        [artifact_stores.elsewhere]
        flavor = "local"
        path = "elsewhere"
        """,
    )
    finding = the(examine(numbers, code=0), "dag-files")
    assert finding["status"] == "not checked"
    assert "numbers.py is of another stack" in finding["seen"]


def test_a_run_on_another_python_is_a_warning(numbers: Project) -> None:
    assert numbers.pipes("deploy", "numbers_.py").code == 0
    assert numbers.pipes("run", "numbers_.py").code == 0
    assert the(examine(numbers, code=0), "last-runs")["status"] == "ok"

    for each in (numbers.root / ".pipes/artifacts/runs").rglob("manifest.json"):
        document = json.loads(each.read_text())
        each.write_text(json.dumps({**document, "python": "3.9.1"}))

    finding = the(examine(numbers, code=0), "last-runs")
    assert finding["status"] == "warning"
    assert "numbers last ran on Python 3.9.1" in finding["seen"]


def test_a_dags_folder_that_airflow_does_not_read_is_a_problem(numbers: Project, tmp_path: Path) -> None:
    numbers.write("pipes.toml", '[orchestrators.airflow]\nflavor = "airflow"\ndags_folder = "dags"\n')
    home = tmp_path / "airflow"

    found = examine(numbers, code=1, AIRFLOW_HOME=str(home))

    finding = the(found, "dags-folder")
    assert finding["seen"] == f"{numbers.root / 'dags'} is not what Airflow reads, which is {home / 'dags'}"
    assert finding["fix"] == f"export PIPES_ORCHESTRATORS__AIRFLOW__DAGS_FOLDER={home / 'dags'}"
    name, _, value = finding["fix"].removeprefix("export ").partition("=")
    assert the(examine(numbers, AIRFLOW_HOME=str(home), **{name: value}), "dags-folder")["status"] == "ok"
    assert not home.exists()


def test_what_a_dag_file_says_is_read_from_it(tmp_path: Path) -> None:
    source = Marker("churn:training", "a" * 64)
    (tmp_path / "near.py").write_text(
        source.comment()
        + 'STORE = os.path.abspath(os.path.join(os.path.dirname(__file__), "../store"))\n'
        + 'DAG(dag_id="x.y", default_args={"store": STORE})\n'
    )
    (tmp_path / "far.py").write_text(
        source.comment() + 'DAG(dag_id="z", default_args={"store": "s3://b/p"})\n'
    )
    (tmp_path / "torn.py").write_text(source.comment() + "DAG(dag_id=")

    far, near, torn = deployed_files(tmp_path)

    assert (near.dag_id, near.store) == ("x.y", str(tmp_path.parent / "store"))
    assert (far.dag_id, far.store, far.source) == ("z", "s3://b/p", "churn:training")
    assert (torn.dag_id, torn.store) == ("torn", None)


def test_what_one_pipeline_breaks_does_not_hide_the_others(numbers: Project) -> None:
    numbers.write("more.py", PIPELINE.replace("def numbers", "def others"))
    assert numbers.pipes("deploy", "numbers_.py", "more.py").code == 0
    numbers.write("more.py", PIPELINE.replace("def numbers", "def others").replace("int = 3", "int = nobody"))
    file = numbers.root / "numbers_.py"
    file.write_text(file.read_text().replace("int = 3", "int = 4"))

    found = examine(numbers, code=1)["dag-files"]

    assert [each["status"] for each in found] == ["warning", "problem"]
    assert "others.py: more.py:others does not compile: " in found[1]["seen"]


def test_a_dag_bundle_that_is_no_folder_gets_a_warning(numbers: Project, tmp_path: Path) -> None:
    bundle = {"name": "team", "classpath": "airflow.providers.git.bundles.git.GitDagBundle", "kwargs": {}}
    found = examine(
        numbers,
        AIRFLOW_HOME=str(tmp_path / "airflow"),
        AIRFLOW__DAG_PROCESSOR__DAG_BUNDLE_CONFIG_LIST=json.dumps([bundle]),
    )

    finding = the(found, "dags-folder")

    assert finding["status"] == "warning"
    assert "Airflow reads no folder but the bundles team" in finding["seen"]
