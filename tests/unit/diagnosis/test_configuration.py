from __future__ import annotations

from tests.cli.conftest import Project
from tests.unit.diagnosis.examining import examine, statuses, the


def test_every_mistake_in_pipes_toml_is_found_and_what_needs_it_is_not_checked(project: Project) -> None:
    file = project.write(
        "pipes.toml", '[stacks.team]\norchestrator = 3\n\n[orchestrator]\nflavor = "local"\n'
    )

    found = examine(project, code=1)

    assert len(found["project"]) == 3
    assert found["project"][0]["fix"] == f"${{EDITOR:-vi}} +2 {file}"
    assert statuses(found)["stack"] == ["not checked"]
    assert the(found, "artifact-store")["seen"] == "pipes.toml is not valid"


def test_a_file_that_is_no_toml_is_one_finding(project: Project) -> None:
    project.write("pipes.toml", "[stacks\n")
    found = examine(project, code=1)
    assert "no valid TOML" in the(found, "project")["seen"]
    assert "+" not in the(found, "project")["fix"] or "line" in the(found, "project")["seen"]


def test_every_problem_of_a_stack_is_found(project: Project) -> None:
    project.write(
        "pipes.toml",
        """
        [stacks.team]
        orchestrator = "airflow"
        artifact_store = "data"
        step_operators = ["gpu", "missing"]

        [artifact_stores.data]
        flavor = "local"
        pat = "x"

        [step_operators.gpu]
        flavor = "nowhere.flavors:Gpu"
        """,
    )

    found = examine(project, code=1)

    seen = [each["seen"] for each in found["stack"]]
    assert len(seen) == 2
    assert any("did you mean 'path'" in each for each in seen)
    assert any("there is no step operator 'missing'" in each for each in seen)
    (flavor,) = [each for each in found["flavors"] if each["status"] == "problem"]
    assert flavor["fix"] == "pip install nowhere"
    assert the(found, "artifact-store")["seen"] == "there is no valid stack"


def test_a_stack_that_is_not_there_is_named(project: Project) -> None:
    found = examine(project, "--stack", "prod", code=1)
    assert "there is no stack 'prod'" in the(found, "stack")["seen"]
    assert the(found, "stack")["fix"] == "pipes stack list"


def test_a_variable_that_is_wrong_can_be_unset(project: Project) -> None:
    found = examine(project, code=1, PIPES_ORCHESTRATORS__AIRFLOW__OPERATOR="x")
    assert the(found, "stack")["fix"] == "unset PIPES_ORCHESTRATORS__AIRFLOW__OPERATOR"


def test_a_variable_that_is_left_to_other_programs_is_named(project: Project) -> None:
    seen = [each["seen"] for findings in examine(project, PIPES_NOPE="1").values() for each in findings]
    assert "no variables of ours, and left alone: PIPES_NOPE" in seen
