"""Which Airflow operator runs a step, with which arguments: from settings and configuration, checked."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from airflow_provider_pipes.errors import CompileError
from airflow_provider_pipes.models.deployment import StepSpec
from airflow_provider_pipes.models.settings import AirflowSettings, ResourceSettings, TaskSettings
from airflow_provider_pipes.orchestrators.airflow.flavor import AirflowOrchestratorConfig
from airflow_provider_pipes.orchestrators.airflow.modes import (
    Mode,
    common_arguments,
    mode_of,
    resolved,
    resource_pool,
    settings_document,
)
from airflow_provider_pipes.orchestrators.airflow.operator_arguments import argument_problems
from airflow_provider_pipes.orchestrators.airflow.own_arguments import OWN, OWN_OF_ALL
from airflow_provider_pipes.orchestrators.airflow.stock_arguments import OF_ALL, OF_OPERATOR
from tests.operator_arguments import TABLE, table
from tests.project import Compiled, UserProject
from tests.unit.orchestrators.dag_files import step

EKS = {
    "path": "airflow.providers.amazon.aws.operators.eks.EksPodOperator",
    "command": "cmds",
    "environment": "env_vars",
}


def config(**fields: Any) -> AirflowOrchestratorConfig:
    return AirflowOrchestratorConfig.model_validate(fields)


def settings(**fields: Any) -> AirflowSettings:
    return AirflowSettings.model_validate(fields)


def said(of: AirflowOrchestratorConfig, *levels: AirflowSettings, **fields: Any) -> StepSpec:
    """Return a step of which these levels, the pipeline first, say something."""
    found = settings()
    for level in levels:
        found = resolved(level, found, of)
    return step("a", orchestrator_settings=settings_document(found, of), **fields)


class TestTheOperator:
    @pytest.mark.parametrize(
        ("pipeline", "own", "expected"),
        [
            ({}, {}, "docker"),
            ({"operator": "kubernetes"}, {}, "kubernetes"),
            ({"operator": "kubernetes"}, {"operator": "python"}, "python"),
            ({}, {"operator": "eks"}, "eks"),
        ],
    )
    def test_a_step_goes_before_its_pipeline_and_that_before_the_configuration(
        self, pipeline: dict[str, Any], own: dict[str, Any], expected: str
    ) -> None:
        of = config(operators={"eks": EKS}, operator="docker")
        assert mode_of(said(of, settings(**pipeline), settings(**own)), of).operator == expected

    def test_arguments_of_every_level_are_merged_while_they_name_the_same_operator(self) -> None:
        of = config(
            operators={"docker": {"args": {"privileged": False, "tty": False, "hostname": "table"}}},
            operator="docker",
            operator_args={"tty": True, "network_mode": "host"},
        )
        pipeline = settings(operator_args={"network_mode": "none", "working_dir": "/a"})
        own = settings(operator="docker", operator_args={"working_dir": "/b"})
        assert mode_of(said(of, pipeline, own), of).arguments == {
            "hostname": "table",
            "network_mode": "none",
            "privileged": False,
            "tty": True,
            "working_dir": "/b",
        }

    def test_arguments_stay_with_the_operator_that_they_were_given_for(self) -> None:
        of = config(
            operators={"kubernetes": {"args": {"namespace": "ml"}}},
            operator="docker",
            operator_args={"tty": True},
        )
        pipeline = settings(operator_args={"network_mode": "none"})
        pod = settings(operator="kubernetes")
        assert mode_of(said(of, pipeline, pod), of).arguments == {"namespace": "ml"}
        back = settings(operator="docker", operator_args={"hostname": "h"})
        assert mode_of(said(of, pipeline, pod, back), of).arguments == {"tty": True, "hostname": "h"}

    def test_a_step_of_a_step_operator_is_launched_by_a_python_task(self) -> None:
        of = config(
            operator="docker", operator_args={"tty": True}, operators={"python": {"args": {"owner": "me"}}}
        )
        mode = mode_of(said(of, settings(operator_args={"hostname": "h"}), step_operator="gpu"), of)
        assert mode == Mode("python", {"owner": "me"})
        assert not mode.in_container

    def test_nothing_said_leaves_the_deployment_as_it_was(self) -> None:
        assert said(config(), settings(), settings()) == step("a")


class TestTheEnvironmentOfPythonMode:
    def test_what_is_said_last_replaces_both_ways_of_saying_it(self) -> None:
        of = config(python="/opt/python")
        document = said(
            of, settings(requirements=("a",)), settings(python="/usr/bin/python3")
        ).orchestrator_settings
        assert document == {"python": "/usr/bin/python3"}

    def test_that_of_the_configuration_is_in_the_deployment_which_a_step_run_knows(self) -> None:
        of = config(requirements=("torch==2.8",))
        assert said(of).orchestrator_settings == {"requirements": ["torch==2.8"]}
        assert said(of, settings(requirements=("x",))).orchestrator_settings == {"requirements": ["x"]}

    def test_it_is_none_of_a_container_s(self) -> None:
        of = config(python="/opt/python")
        assert said(of, settings(operator="docker")).orchestrator_settings == {"operator": "docker"}


class TestTheTableOfArguments:
    def test_it_is_current(self) -> None:
        assert TABLE.read_text(encoding="ascii") == table(), "run `python -m tests.operator_arguments`"

    def test_what_we_set_is_an_argument_that_there_is(self) -> None:
        ours = {"deployment_id", "pipeline", "store", "store_connection_id", "step_name"}
        assert OWN_OF_ALL.keys() - OF_ALL == ours
        pods = {"store_volume", "gpu_resource", "gpu_type_label"}
        for mode, names in OWN.items():
            assert names.keys() - OF_OPERATOR[mode] == (pods if mode == "kubernetes" else set()), mode


class TestTheChecksOfArguments:
    @pytest.mark.parametrize(
        ("operator", "arguments", "told"),
        [
            ("docker", {"networkmode": 1}, "networkmode: DockerOperator has no such argument (did you mean"),
            ("kubernetes", {"node_selectors": {}}, "KubernetesPodOperator has no such argument (did you mea"),
            ("docker", {"unreachable_timeout": 5}, "DockerOperator has no such argument"),
            ("python", {"namespace": "x"}, "namespace: PythonOperator has no such argument"),
            ("docker", {"retries": 1}, "retries: is set by us; give it as an option of the step: @step(retr"),
            ("docker", {"environment": {}}, "is set by us; give variables by docker=DockerSettings(environm"),
            ("kubernetes", {"cmds": []}, "cmds: is set by us; the command runs the step"),
            ("eks", {"task_id": "x"}, "task_id: is set by us; it is the step's name: @step(name=…)"),
            ("eks", {"a b": 1}, "a b: is no name of an argument"),
            ("docker", {"mounts": [object]}, "mounts: expected a value as JSON has, got <class 'object'>; w"),
            ("docker", {"labels": {1: "x"}}, "labels: expected a dict with text as keys, got the key 1"),
            ("docker", {"timeout": float("nan")}, "timeout: expected a finite number, got nan"),
            ("docker", {"hostname": "a\0b"}, "hostname holds a NUL character, which Airflow's database does"),
            ("docker", {"timeout": 2**70}, "timeout holds an integer of 71 bits; Airflow takes numbers with"),
        ],
    )  # fmt: skip
    def test_what_an_operator_does_not_take_is_told(
        self, operator: str, arguments: dict[str, Any], told: str
    ) -> None:
        (problem,) = argument_problems(operator, arguments)
        assert told in problem

    def test_an_object_of_a_client_is_to_be_written_as_its_api_takes_it(self) -> None:
        from kubernetes.client import V1Toleration

        (problem,) = argument_problems("kubernetes", {"tolerations": [V1Toleration()]})
        assert (
            "got a V1Toleration; write a Kubernetes or Docker object as the dict that its API takes"
            in problem
        )

    def test_what_ours_take_beside_is_taken(self) -> None:
        assert argument_problems("kubernetes", {"unreachable_timeout": 5}) == []

    def test_all_at_once(self) -> None:
        assert len(argument_problems("docker", {"image": "x", "no": 1, "mounts": object()})) == 3

    @given(st.dictionaries(st.sampled_from(sorted(OF_OPERATOR["docker"] - OWN["docker"].keys())), st.text()))
    def test_text_is_kept_as_it_is(self, arguments: dict[str, str]) -> None:
        of = config(operator="docker")
        if argument_problems("docker", arguments):
            return
        found = mode_of(said(of, settings(operator_args=arguments)), of).arguments
        assert found == arguments


class TestTheConfiguration:
    @pytest.mark.parametrize(
        ("fields", "told"),
        [
            ({"operator": "dokcer"}, "there is no operator 'dokcer' (did you mean 'docker'?)"),
            (
                {"operators": {"eks": EKS}, "operator": "esk"},
                "there is no operator 'esk' (did you mean 'eks'?)",
            ),
            (
                {"operators": {"eks": {}}},
                "eks is none of python, docker, kubernetes: give the path of its class",
            ),
            ({"operators": {"docker": EKS}}, "docker is an operator of ours: give it args only"),
            ({"operators": {"eks": {"path": "Eks Operator"}}}, "expected the path of a class as"),
            ({"operators": {"eks": {**EKS, "args": {"cmds": 1}}}}, "eks.args.cmds: is set by us"),
            (
                {"operators": {"docker": {"args": {"nope": 1}}}},
                "docker.args.nope: DockerOperator has no such",
            ),
            (
                {"operator": "docker", "operator_args": {"nope": 1}},
                "nope: DockerOperator has no such argument",
            ),
            ({"store_volume": {}}, "expected one Kubernetes volume source"),
            ({"store_volume": {"hostPath": "/data"}}, "expected one Kubernetes volume source"),
            ({"python": "/bin/python", "requirements": ["a"]}, "an interpreter brings its own packages"),
            ({"gpu_pool": ""}, "at least 1 character"),
        ],
    )
    def test_what_is_wrong_is_told_when_it_is_registered(self, fields: dict[str, Any], told: str) -> None:
        with pytest.raises(ValidationError) as error:
            config(**fields)
        assert told in str(error.value)

    def test_a_class_path_may_have_a_colon(self) -> None:
        of = config(operators={"eks": {**EKS, "path": "a.b:C"}})
        assert of.operators["eks"].path == "a.b.C"


class TestPools:
    @pytest.mark.parametrize(
        ("resources", "expected"),
        [
            ({"gpu_count": 2, "cpu_count": 3}, ("gpus", 2, "gpu_count")),
            ({"gpu_count": 0, "cpu_count": 2.5}, ("cpus", 3, "cpu_count")),
            ({"memory": "1GB"}, None),
        ],
    )
    def test_gpus_or_cores_become_slots(
        self, resources: dict[str, Any], expected: tuple[str, int, str] | None
    ) -> None:
        of = config(gpu_pool="gpus", cpu_pool="cpus")
        asking = step("a", resource_settings=ResourceSettings(**resources))
        found = resource_pool(asking, mode_of(asking, of), of)
        assert (found and (found.name, found.slots, found.of)) == expected

    def test_a_pool_that_the_user_chose_is_left_alone(self) -> None:
        of = config(gpu_pool="gpus")
        asking = step("a", resource_settings=ResourceSettings(gpu_count=1), task=TaskSettings(pool="mine"))
        assert resource_pool(asking, mode_of(asking, of), of) is None


class TestWhatIsCommon:
    def test_what_all_tasks_of_a_kind_have_is_said_once(self) -> None:
        modes = [
            Mode("docker", {"network_mode": "none", "tty": True}),
            Mode("docker", {"network_mode": "none"}),
        ]
        assert common_arguments(modes) == {"network_mode": "none"}

    def test_but_not_what_other_tasks_of_the_file_would_get_too(self) -> None:
        docker = Mode("docker", {"network_mode": "none", "labels": {"a": "b"}, "owner": "me"})
        modes = [docker, docker, Mode("kubernetes", {})]
        assert common_arguments(modes) == {"network_mode": "none"}

    def test_equal_means_equal_in_json(self) -> None:
        modes = [Mode("docker", {"timeout": 1}), Mode("docker", {"timeout": True})]
        assert common_arguments(modes) == {}

    def test_beside_a_class_of_unknown_arguments_nothing_is_common(self) -> None:
        docker = Mode("docker", {"network_mode": "none"})
        other = Mode("eks", {}, config(operators={"eks": EKS}).operators["eks"])
        assert common_arguments([docker, docker, other]) == {}


def compiled(project: UserProject, toml: str, step_options: str, pipeline_options: str = "") -> Compiled:
    project.write("pipes.toml", toml)
    project.pipeline(
        f"""
        @step({step_options})
        def load() -> int:
            return 1

        @pipeline({pipeline_options})
        def p() -> None:
            load()
        """
    )
    return project.compile(deploy=True)


DOCKER = '[orchestrators.airflow]\noperator = "docker"\n'
KUBERNETES = '[orchestrators.airflow]\noperator = "kubernetes"\n'
OTHER = """
[orchestrators.airflow]
operator = "pod"
[orchestrators.airflow.operators.pod]
path = "airflow.providers.cncf.kubernetes.operators.pod.KubernetesPodOperator"
command = "cmds"
environment = "env_vars"
"""
REMOTE = """
[stacks.default]
artifact_store = "bucket"
[artifact_stores.bucket]
flavor = "fsspec"
uri = "memory://bucket"
"""


class TestTheChecksOfSteps:
    def test_every_problem_of_settings_is_told_with_its_place(self, project: UserProject) -> None:
        with pytest.raises(CompileError) as error:
            compiled(
                project,
                "",
                "settings={'orchestrator': {'operator': 'dcoker'}}",
                "settings={'orchestrator.airflow': {'operator_args': {'image': 'x', 'nope': 1}}}",
            )
        assert error.value.problems[0] == (
            "pipeline 'p', settings['orchestrator.airflow'], operator_args.image: "
            "PythonOperator has no such argument"
        )
        assert error.value.problems[1].endswith("operator_args.nope: PythonOperator has no such argument")
        assert error.value.problems[2].startswith(
            "step 'load', settings['orchestrator'], operator: there is no operator 'dcoker' (did you mean"
        )

    @pytest.mark.parametrize(
        "reaches",
        [
            "{'volume_mounts': [{'name': 'a', 'mountPath': 'ROOT'}], 'volumes': [{'name': 'a'}]}",
            "{'pod_template_file': '/pod.yaml'}",
            "{'full_pod_spec': {'spec': {'containers': []}}}",
        ],
    )
    def test_a_pod_must_see_a_local_artifact_store(self, project: UserProject, reaches: str) -> None:
        with pytest.raises(CompileError, match="its pod would not see the artifact store, a folder") as error:
            compiled(project, KUBERNETES, "")
        assert len(error.value.problems) == 1
        mounts = "[{'name': 'a', 'mountPath': '/elsewhere'}]"
        wrong = f"settings={{'orchestrator': {{'operator_args': {{'volume_mounts': {mounts}}}}}}}"
        with pytest.raises(CompileError, match="its pod would not see"):
            compiled(project, KUBERNETES, wrong)
        right = (
            f"settings={{'orchestrator': {{'operator_args': {reaches.replace('ROOT', str(project.root))}}}}}"
        )
        assert compiled(project, KUBERNETES, right)
        assert compiled(project, f'{KUBERNETES}store_volume = {{hostPath = {{path = "/d"}}}}\n', "")
        assert compiled(project, KUBERNETES + REMOTE, "")

    def test_values_of_the_wrong_type_are_told_once_for_all_steps_that_share_them(
        self, project: UserProject
    ) -> None:
        args = "operator_args = {tolerations = {key = 'batch'}, namespace = 7}\n"
        store = "store_volume = {hostpath = {path = '/data'}}\n"
        with pytest.raises(CompileError) as error:
            compiled(project, KUBERNETES + args + store, "")
        assert error.value.problems == (
            "step 'load', operator_args.namespace: expected text, got 7",
            "step 'load', operator_args.tolerations: expected a list of tables, got a table",
            (
                "the orchestrator's store_volume.hostpath: Kubernetes has no such field there (did you mean "
                "'hostPath'?)"
            ),
        )

    def test_names_and_values_that_a_step_gives_are_told_at_once(self, project: UserProject) -> None:
        given = "{'namespce': 'x', 'image': 'i', 'labels': 'x', 'get_logs': 'yes', 'namespace': 'Fresh_ML'}"
        with pytest.raises(CompileError) as error:
            compiled(project, KUBERNETES, f"settings={{'orchestrator': {{'operator_args': {given}}}}}")
        told = [each.partition("operator_args.")[2].partition(":")[0] for each in error.value.problems]
        assert sorted(told) == ["get_logs", "image", "labels", "namespace", "namespce"]

    @pytest.mark.parametrize("operator", ["docker", "kubernetes"])
    def test_memory_in_which_no_container_starts_is_told(self, project: UserProject, operator: str) -> None:
        toml = DOCKER if operator == "docker" else f"{KUBERNETES}{REMOTE}"
        asked = "settings={{'resources': {{'memory': '{}'}}}}"
        with pytest.raises(CompileError, match="memory: '1MB' is less than the 6MiB that a container needs"):
            compiled(project, toml, asked.format("1MB"))
        assert compiled(project, toml, asked.format("6MiB"))

    def test_a_class_that_derives_from_the_operator_of_pods_takes_what_that_takes(
        self, project: UserProject
    ) -> None:
        derived = OTHER.replace("pod.KubernetesPodOperator", "spark_kubernetes.SparkKubernetesOperator")
        says = "settings={'orchestrator': {'operator_args': {'volumes': [{'nam': 'a'}]}}}"
        with pytest.raises(CompileError) as error:
            compiled(project, derived, says)
        assert (
            "step 'load', settings['orchestrator'], operator_args.volumes[0].nam: Kubernetes has no such "
            "field there (did you mean 'name'?)"
        ) in error.value.problems

    def test_a_class_that_its_module_has_not_is_an_error(self, project: UserProject) -> None:
        with pytest.raises(CompileError, match=r"has no class 'KubernetesPodOperatr' \(did you mean 'Kub"):
            compiled(project, OTHER.replace("KubernetesPodOperator", "KubernetesPodOperatr"), "")

    @pytest.mark.parametrize(
        "mounts",
        [
            "{'volume_mounts': [{'name': 'a', 'mountPath': 'ROOT'}]}",
            "{'mounts': [{'target': 'ROOT', 'source': '/data', 'type': 'bind'}]}",
        ],
    )
    def test_another_operator_is_not_told_to_mount_what_it_mounts(
        self, project: UserProject, mounts: str
    ) -> None:
        docker = OTHER.replace(
            "cncf.kubernetes.operators.pod.KubernetesPod", "docker.operators.docker.Docker"
        )
        toml = OTHER if "volume_mounts" in mounts else docker.replace('"cmds"', '"command"')
        toml = toml if toml is OTHER else toml.replace('"env_vars"', '"environment"')
        (warning,) = compiled(project, toml, "").warnings
        assert "must mount it at" in warning
        says = (
            f"settings={{'orchestrator': {{'operator_args': {mounts.replace('ROOT', str(project.root))}}}}}"
        )
        assert compiled(project, toml, says).warnings == ()

    def test_resources_are_warned_of_where_nothing_enforces_them(self, project: UserProject) -> None:
        asked = "cpu_count=1, memory='1GB', gpu_count=1, gpu_type='h', ephemeral_storage='1GB'"
        asks = f"resources=ResourceSettings({asked})"
        (python,) = compiled(project, "", asks).warnings
        assert (
            python
            == "step 'load': its resources are not enforced where it runs; nothing limits or grants them"
        )
        (pooled,) = compiled(project, '[orchestrators.airflow]\ngpu_pool = "gpus"\n', asks).warnings
        assert pooled == (
            "step 'load': cpu_count and memory and gpu_type and ephemeral_storage of its resources are not "
            "enforced by operator 'python'"
        )
        (docker,) = compiled(project, DOCKER, asks).warnings
        assert docker == (
            "step 'load': gpu_type and ephemeral_storage of its resources are not enforced by operator "
            "'docker'"
        )
        (pod,) = compiled(
            project, f'{KUBERNETES}store_volume = {{hostPath = {{path = "/d"}}}}', asks
        ).warnings
        assert "each node of the cluster must have it already" in pod

    def test_variables_of_a_step_are_no_matter_of_where_it_runs(self, project: UserProject) -> None:
        says = "docker=DockerSettings(environment={'A': 'b'})"
        for config in ("", DOCKER, '[orchestrators.airflow]\npython = "/opt/python"\n'):
            assert compiled(project, config, says).warnings == ()

    def test_a_template_where_airflow_renders_none_is_warned_of(self, project: UserProject) -> None:
        given = "{'hostname': '{{ ds }}', 'container_name': '{{ ds }}'}"
        says = f"settings={{'orchestrator': {{'operator_args': {given}}}}}"
        (warning,) = compiled(project, DOCKER, says).warnings
        assert warning == (
            "step 'load': operator_args.hostname holds a template, and Airflow renders none in this argument"
        )

    def test_a_secret_of_kubernetes_reaches_pods_only(self, project: UserProject) -> None:
        says = "docker=DockerSettings(secrets={'A': 'kubernetes-secret:name.key'})"
        with pytest.raises(
            CompileError, match="step 'load', secrets, A: a secret of Kubernetes reaches steps with"
        ):
            compiled(project, DOCKER, says)
        assert compiled(project, KUBERNETES + REMOTE, says)

    def test_a_class_without_private_variables_takes_no_secrets(self, project: UserProject) -> None:
        says = "docker=DockerSettings(secrets={'A': 'environment:A'})"
        with pytest.raises(CompileError, match="operator 'pod' has no private_environment"):
            compiled(project, OTHER, says)

    def test_arguments_of_a_class_are_checked_where_it_can_be_imported(self, project: UserProject) -> None:
        says = "settings={'orchestrator': {'operator_args': {'namespaces': 'ml', 'labels': {}}}}"
        with pytest.raises(CompileError) as error:
            compiled(project, OTHER.replace('"cmds"', '"commands"'), says)
        path = "airflow.providers.cncf.kubernetes.operators.pod.KubernetesPodOperator"
        meant = "(did you mean 'namespace'?)"
        assert error.value.problems == (
            f"operator 'pod', its command: {path} has no argument 'commands' (did you mean 'cmds'?)",
            f"operator 'pod', operator_args.namespaces: {path} has no argument 'namespaces' {meant}",
        )
        missing = compiled(project, OTHER.replace("airflow.providers.cncf", "no_such_package"), says).warnings
        assert any("its arguments are not checked, since no_such_package" in each for each in missing)

    def test_the_document_of_a_deployment_keeps_what_was_said(
        self, project: UserProject, tmp_path: Path
    ) -> None:
        says = "settings={'orchestrator.airflow': {'operator': 'docker', 'operator_args': {'tty': True}}}"
        document = json.loads(compiled(project, "", says).deployment.document)
        assert document["steps"][0]["orchestrator_settings"] == {
            "operator": "docker",
            "operator_args": {"tty": True},
        }
