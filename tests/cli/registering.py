"""A project with a flavor of its own, for the tests of the commands that register things."""

from __future__ import annotations

import importlib
import io
import re
import sys
from contextlib import chdir, redirect_stderr, redirect_stdout
from pathlib import Path

from airflow_provider_pipes.cli.main import main
from tests.cli.conftest import Done, Project

FLAVORS = '''
    """Flavors of a team."""

    from __future__ import annotations

    from pydantic import Field, field_validator

    from airflow_provider_pipes.orchestrators import (
        BaseOrchestrator, BaseOrchestratorConfig, BaseOrchestratorFlavor,
    )
    from airflow_provider_pipes.step_operators import (
        BaseStepOperator, BaseStepOperatorConfig, BaseStepOperatorFlavor,
    )


    class MoonConfig(BaseStepOperatorConfig):
        """How the moon runs steps.

        Attributes:
            namespace: Where jobs run.
            cpus: How many CPUs a job has.
        """

        namespace: str
        cpus: int = 1
        nodes: tuple[str, ...] = ()
        labels: dict[str, str] = {}
        gpu: bool = False
        share: float | None = Field(default=None, description="A part of the whole.")

        @field_validator("namespace")
        @classmethod
        def _not_taken(cls, value: str) -> str:
            if value == "kube-system":
                raise ValueError("kube-system is not for jobs")
            return value


    class Moon(BaseStepOperator):
        def launch(self, info, entrypoint_command):
            pass


    class MoonFlavor(BaseStepOperatorFlavor):
        """Flavor of step operators on the moon."""

        name = "moon"
        config_class = MoonConfig
        implementation_class = Moon


    class FarFlavor(MoonFlavor):
        name = "far"
        install_hint = "moonbeam[all]"

        @property
        def implementation_class(self):
            import moonbeam_client

            return moonbeam_client.Operator


    class SunFlavor(BaseOrchestratorFlavor):
        name = "sun"

        @property
        def implementation_class(self):
            return BaseOrchestrator


    class WrongFlavor(MoonFlavor):
        name = "wrong"
        implementation_class = dict
'''

PIPES_TOML = """\
# The team's; ask before you change it.
active_stack = "team"   # since May

[flavors.step_operator]
moon = "team_flavors:MoonFlavor"
far = "team_flavors:FarFlavor"

# big machines
[step_operators.gpu]
flavor = "moon"
namespace = 'ml'  # ours
nodes = [
    "a",  # the old one
    "b",
]

[artifact_stores.data]
flavor = "local"
path = "data"

[stacks.team]
orchestrator = "airflow"
artifact_store = "data"
step_operators = ["gpu"]

[stacks.spare]
orchestrator = "local"
artifact_store = "local"
"""


def with_flavors(project: Project, text: str | None = PIPES_TOML) -> Project:
    """Write the flavors, and a pipes.toml unless it is to be missing."""
    project.write("team_flavors.py", FLAVORS)
    if text is not None:
        project.write("pipes.toml", text)
    return project


def pipes_here(project: Project, *words: str) -> Done:
    """Run a command in this process, which a table of many mistakes has no time to start anew for each."""
    modules = set(sys.modules)
    out, err = io.StringIO(), io.StringIO()
    try:
        with chdir(project.root), redirect_stdout(out), redirect_stderr(err):
            code = main(words)
    finally:
        for name in set(sys.modules) - modules:
            if Path(getattr(sys.modules[name], "__file__", None) or "/").is_relative_to(project.root):
                del sys.modules[name]
        importlib.invalidate_caches()
    return Done(code, out.getvalue(), err.getvalue())


def assert_refused(project: Project, says: str, *words: str, code: int = 6) -> Done:
    """Run a command that must end with one message, no traceback and nothing written."""
    before = project.tree()
    done = pipes_here(project, *words)
    assert re.search(says, done.err, re.DOTALL), done.err
    assert done.code == code, done
    assert done.out == ""
    assert "Traceback" not in done.err
    assert "airflow_provider_pipes/" not in done.err, "a frame of ours is shown"
    assert done.err.count("error: ") == (1 if code == 6 else 0)
    assert project.tree() == before
    return done
