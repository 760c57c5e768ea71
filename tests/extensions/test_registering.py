"""Flavors of a separate package, registered by command; their own validators check configurations."""

from __future__ import annotations

import pytest

from tests.extensions.installed import AcmeProject

PLAN = "acme_pipes.flavors.PlanOrchestratorFlavor"
CLOUD = "acme_pipes.flavors.CloudStepOperatorFlavor"


@pytest.fixture
def plan(project: AcmeProject) -> AcmeProject:
    project.done("orchestrator", "flavor", "register", PLAN)
    return project


def test_a_flavor_a_component_and_a_stack_are_registered_by_command(acme: AcmeProject) -> None:
    written = (acme.root / "pipes.toml").read_text()
    assert 'acme_direct = "acme_pipes.flavors:DirectOrchestratorFlavor"' in written
    assert "acme_worker" in acme.done("step-operator", "flavor", "list").out
    assert "namespace" in acme.done("step-operator", "describe", "gpu").out
    assert "mine" in acme.done("stack", "describe", "acme").out


def test_a_flavor_of_an_installed_package_is_there_without_a_command(project: AcmeProject) -> None:
    listed = project.done("step-operator", "flavor", "list").out
    assert "acme_nightly" in listed
    assert "acme-pipes" in listed
    project.done("step-operator", "register", "nightly", "--flavor", "acme_nightly", "--diary", "d")
    assert 'flavor = "acme_nightly"' in (project.root / "pipes.toml").read_text()


@pytest.mark.parametrize(
    ("fields", "told"),
    [
        (["--queue", "noon"], "--queue: Acme has no queue 'noon'; it has: day, night"),
        (["--processes", "9"], "queue 'day' gives at most 8 processes"),
        (["--processes", "many"], "--processes: expected a"),
        (["--procesess", "2"], "did you mean"),
    ],
)
@pytest.mark.parametrize("command", ["register", "update"])
def test_a_configuration_is_checked_by_its_own_validators(
    plan: AcmeProject, command: str, fields: list[str], told: str
) -> None:
    flavor = ["--flavor", "acme_plan"] if command == "register" else []
    if command == "update":
        plan.done("orchestrator", "register", "planner", "--flavor", "acme_plan", "--diary", "d")
    before = plan.tree()
    required = ["--diary", "d"] if command == "register" else []
    refused = plan.pipes("orchestrator", command, "planner", *flavor, *required, *fields)
    assert refused.code == 6
    assert told in refused.err
    assert "Traceback" not in refused.err
    assert plan.tree() == before


def test_fields_that_fit_only_together_are_updated_together(plan: AcmeProject) -> None:
    plan.done("orchestrator", "register", "planner", "--flavor", "acme_plan", "--diary", "d")
    plan.done("orchestrator", "update", "planner", "--processes", "9", "--queue", "night")
    written = (plan.root / "pipes.toml").read_text()
    assert "processes = 9" in written
    assert 'queue = "night"' in written


def test_what_is_not_installed_can_be_registered_and_says_so_once_it_is_used(project: AcmeProject) -> None:
    registered = project.done("step-operator", "flavor", "register", CLOUD)
    assert "there is no module 'acme_cloud' here; pip install 'acme-pipes[cloud]'" in registered.err
    project.done("step-operator", "register", "gpu", "--flavor", "acme_cloud", "--diary", "d")
    project.done("stack", "register", "cloud", "-o", "local", "-a", "local", "-s", "gpu", "--set")
    used = project.pipes("run", "jobs.py:training")
    assert used.code == 6
    assert "there is no module 'acme_cloud' here; pip install 'acme-pipes[cloud]'" in used.err
    assert "Traceback" not in used.err


def test_a_validator_is_asked_although_the_implementation_is_not_installed(project: AcmeProject) -> None:
    project.done("step-operator", "flavor", "register", CLOUD)
    refused = project.pipes(
        "step-operator",
        "register",
        "gpu",
        "--flavor",
        "acme_cloud",
        *["--diary", "d", "--namespace", "ML"],
    )
    assert refused.code == 6
    assert "--namespace: a namespace is in lower case, as 'ml'" in refused.err


def test_a_base_image_is_accepted_warned_about_and_ignored(project: AcmeProject) -> None:
    project.done("step-operator", "flavor", "register", "acme_pipes.flavors.WorkerStepOperatorFlavor")
    fields = ["--diary", str(project.diary_file), "--base_image", "acme/old:3"]
    done = project.done("step-operator", "register", "gpu", "--flavor", "acme_worker", *fields)
    assert "The 'base_image' field is ignored" in done.err
    assert "DockerSettings" in done.err
    project.done("stack", "register", "acme", "-o", "local", "-a", "local", "-s", "gpu", "--set")
    ran = project.done("run", "jobs.py:training")
    assert ran.err.count("The 'base_image' field is ignored") == 1
    (deployment,) = project.stored("deployments/*.json")
    assert "acme/old" not in str(deployment)


def test_a_flavor_of_another_kind_is_told_where_it_belongs(project: AcmeProject) -> None:
    refused = project.pipes("orchestrator", "flavor", "register", CLOUD)
    assert refused.code == 6
    assert "pipes step-operator flavor register" in refused.err
