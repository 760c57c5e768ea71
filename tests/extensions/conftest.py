from __future__ import annotations

from pathlib import Path

import pytest

from tests.extensions.installed import AcmeProject, install_acme

JOBS = """
    from pathlib import Path

    from airflow_provider_pipes import DockerSettings, FailWithoutRetry, ResourceSettings, SkipStep
    from airflow_provider_pipes import pipeline, step


    @step
    def load(size: int) -> list[int]:
        return list(range(size))


    @step(
        step_operator="gpu",
        resources=ResourceSettings(gpu_count=1, memory="16GB"),
        docker=DockerSettings(requirements=["torch"]),
    )
    def train(numbers: list[int]) -> int:
        return sum(numbers)


    @step(resources=ResourceSettings(memory="1GB"))
    def report(total: int) -> str:
        return f"total {total}"


    @pipeline(docker=DockerSettings(parent_image="acme/base:1", requirements=["pandas"]))
    def training(size: int = 4) -> None:
        report(train(load(size)))


    @step(step_operator="gpu", cache=False)
    def ends(how: str) -> str:
        if how == "skip":
            raise SkipStep("no news today")
        if how == "refuse":
            raise FailWithoutRetry("bad credentials")
        if how == "raise" and not Path("mended").exists():
            raise ValueError("bad data")
        return how


    @step(cache=False)
    def after(text: str) -> str:
        return text


    @pipeline(retries=1)
    def ending(how: str = "well") -> None:
        after(ends(how))
"""


@pytest.fixture(scope="session")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder that acme-pipes is installed into."""
    return install_acme(tmp_path_factory.mktemp("acme"))


@pytest.fixture
def project(tmp_path: Path, site: Path) -> AcmeProject:
    """A project with pipelines, and nothing registered yet."""
    made = AcmeProject(tmp_path / "project", tmp_path / "cache", site)
    made.write("jobs.py", JOBS)
    return made


@pytest.fixture(scope="session")
def registered(site: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """What the commands write into pipes.toml, DIARY for the diary; run once, as each takes a while."""
    folder = tmp_path_factory.mktemp("registered")
    made = AcmeProject(folder / "project", folder / "cache", site)
    made.done("step-operator", "flavor", "register", "acme_pipes.flavors.WorkerStepOperatorFlavor")
    made.done("step-operator", "register", "gpu", "--flavor", "acme_worker", "--diary", "DIARY")
    gpu = (made.root / "pipes.toml").read_text()
    made.done("orchestrator", "flavor", "register", "acme_pipes.flavors.DirectOrchestratorFlavor")
    made.done("orchestrator", "register", "mine", "--flavor", "acme_direct", "--diary", "DIARY")
    made.done("stack", "register", "acme", "-o", "mine", "-a", "local", "-s", "gpu", "--set")
    return {"gpu": gpu, "acme": (made.root / "pipes.toml").read_text()}


@pytest.fixture
def gpu(project: AcmeProject, registered: dict[str, str]) -> AcmeProject:
    """A project with Acme's step operator, registered by command as "gpu"."""
    project.write("pipes.toml", registered["gpu"].replace("DIARY", str(project.diary_file)))
    return project


@pytest.fixture
def acme(project: AcmeProject, registered: dict[str, str]) -> AcmeProject:
    """The same with a stack of Acme's direct orchestrator."""
    project.write("pipes.toml", registered["acme"].replace("DIARY", str(project.diary_file)))
    return project
