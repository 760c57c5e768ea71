"""Values of operators' arguments that would fail in the task, or be dropped, are refused before."""

from __future__ import annotations

import inspect
import sys
from typing import Any

import pytest
from docker.types import Mount

from airflow_provider_pipes.orchestrators.airflow import argument_values, docker_mounts
from airflow_provider_pipes.orchestrators.airflow.argument_values import typed_problems, volume_problems

pytestmark = pytest.mark.airflow

UNKNOWN = "Kubernetes has no such field there"
WRONG: list[tuple[str, dict[str, Any], str]] = [
    ("kubernetes", {"tolerations": {"key": "a"}}, "tolerations: expected a list of tables, got a table"),
    ("kubernetes", {"tolerations": ["a"]}, "tolerations[0]: expected a table, got 'a'"),
    ("kubernetes", {"tolerations": [{"keyy": "a"}]}, f"tolerations[0].keyy: {UNKNOWN} (did you mean 'key'?)"),
    (
        "kubernetes",
        {"affinity": {"nodeAffinty": {}}},
        f"affinity.nodeAffinty: {UNKNOWN} (did you mean 'nodeAffinity'?)",
    ),
    ("kubernetes", {"namespace": 7}, "namespace: expected text, got 7"),
    ("kubernetes", {"annotations": {"a": 1}}, "annotations.a: expected text, got 1"),
    ("kubernetes", {"node_selector": "pool=a"}, "node_selector: expected a table, got 'pool=a'"),
    (
        "kubernetes",
        {"container_resources": {"limits": {"memory": "lots"}}},
        "container_resources.limits.memory: expected an amount as '500m' or '2Gi', got 'lots'",
    ),
    (
        "kubernetes",
        {"volumes": [{"name": "a", "hostPath": {"pathh": "/a"}}]},
        f"volumes[0].hostPath.pathh: {UNKNOWN} (did you mean 'path'?)",
    ),
    (
        "kubernetes",
        {"volume_mounts": [{"name": "a", "mount_path": "/a"}]},
        f"volume_mounts[0].mount_path: {UNKNOWN} (did you mean 'mountPath'?)",
    ),
    ("kubernetes", {"volume_mounts": [{"name": "a"}]}, "volume_mounts[0]: 'mountPath' is missing"),
    (
        "kubernetes",
        {"security_context": {"runAsUser": "a"}},
        "security_context.runAsUser: expected a whole number, got 'a'",
    ),
    (
        "kubernetes",
        {"schedule_timeout_seconds": "ten"},
        "schedule_timeout_seconds: expected a whole number, got 'ten'",
    ),
    (
        "kubernetes",
        {"schedule_timeout_seconds": True},
        "schedule_timeout_seconds: expected a whole number, got true",
    ),
    ("kubernetes", {"deferrable": "yes"}, "deferrable: expected true or false, got 'yes'"),
    (
        "kubernetes",
        {"on_kill_action": "none"},
        "on_kill_action: expected 'delete_pod' or 'keep_pod', got 'none'",
    ),
    ("kubernetes", {"full_pod_spec": {"spec": {}}}, "full_pod_spec.spec: 'containers' is missing"),
    ("kubernetes", {"image_pull_secrets": [7]}, "image_pull_secrets[0]: expected text or a table, got 7"),
    ("kubernetes", {"pod_template_dict": []}, "pod_template_dict: expected a table, got a list"),
    (
        "docker",
        {"auto_remove": "always"},
        "auto_remove: expected 'never' or 'success' or 'force', got 'always'",
    ),
    ("docker", {"dns": "1.1.1.1"}, "dns: expected a list of texts, got '1.1.1.1'"),
    ("docker", {"mem_limit": []}, "mem_limit: expected a number or text, got a list"),
    ("docker", {"mounts": {"Target": "/d"}}, "mounts: expected a list of tables, got a table"),
    (
        "docker",
        {"mounts": [{"Taget": "/d", "Source": "/s"}]},
        "mounts[0].Taget: a mount of Docker has no such field (did you mean 'Target'?)",
    ),
    (
        "docker",
        {"mounts": [{"target": "/d", "source": "/s", "readonly": True}]},
        "mounts[0].readonly: a mount of Docker has no such field (did you mean 'read_only'?)",
    ),
    (
        "docker",
        {"mounts": [{"target": "/d", "source": "/s", "type": "folder"}]},
        "mounts[0].type: expected 'bind' or 'volume' or 'tmpfs' or 'npipe', got 'folder'",
    ),
    ("docker", {"mounts": [{"target": "/d"}]}, "mounts[0]: 'source' is missing"),
    ("docker", {"mounts": [{"Target": "/d", "Type": "bind"}]}, "mounts[0]: 'Source' is missing"),
    (
        "kubernetes",
        {"namespace": "Fresh_ML"},
        (
            "namespace: Kubernetes takes no such name, got 'Fresh_ML'; expected lower-case letters, digits "
            "and '-', with a letter or digit at both ends, at most 63 characters"
        ),
    ),
    (
        "kubernetes",
        {"service_account_name": "a_b"},
        (
            "service_account_name: Kubernetes takes no such name, got 'a_b'; expected lower-case letters, "
            "digits, '-' and '.', with a letter or digit at both ends, at most 253 characters"
        ),
    ),
]  # fmt: skip


@pytest.mark.parametrize(("operator", "arguments", "told"), WRONG)
def test_what_an_argument_does_not_take_is_told_with_its_place(
    operator: str, arguments: dict[str, Any], told: str
) -> None:
    assert [*typed_problems(operator, arguments)] == [told]


def test_all_at_once() -> None:
    arguments = {"namespace": 7, "tolerations": [{"keyy": "a", "value": 1}], "deferrable": 1}
    assert len([*typed_problems("kubernetes", arguments)]) == 4


RIGHT: list[dict[str, Any]] = [
    {
        "tolerations": [{"key": "a", "operator": "Exists", "tolerationSeconds": 5}],
        "node_selector": {"a": "b"},
    },
    {"image_pull_secrets": ["a", {"name": "b"}], "namespace": None},
    {"image_pull_secrets": "a,b", "container_logs": True, "skip_on_exit_code": [3], "poll_interval": 2},
    {"container_resources": {"limits": {"cpu": 1, "memory": "1.5Gi"}, "requests": {"cpu": "250m"}}},
    {"volumes": [{"name": "a", "emptyDir": {"sizeLimit": "1e3"}}], "ports": [{"containerPort": 80}]},
    {"security_context": {"runAsUser": "{{ params.user }}"}, "volumes": "{{ params.volumes }}"},
    {
        "pod_template_dict": {
            "apiVersion": "v1",
            "kind": "Pod",
            "metadata": {"name": "a", "creationTimestamp": None, "labels": {"a": "b"}},
            "spec": {"containers": [{"name": "base", "livenessProbe": {"httpGet": {"port": 80}}}]},
        }
    },
]


@pytest.mark.parametrize("arguments", RIGHT)
def test_what_a_manifest_may_say_is_taken(arguments: dict[str, Any]) -> None:
    assert [*typed_problems("kubernetes", arguments)] == []


@pytest.mark.parametrize(
    "mount",
    [
        {"target": "/d", "source": "/s", "type": "bind", "read_only": True},
        {"target": "/d", "source": None, "type": "tmpfs", "tmpfs_size": "1g"},
        {"Target": "/d", "Source": "v"},
        {"Target": "/d", "Type": "tmpfs", "TmpfsOptions": {"SizeBytes": 5}},
        {"target": "/d", "source": "{{ params.folder }}", "type": "bind"},
    ],
)
def test_a_mount_is_taken_as_dockers_client_writes_it_and_as_its_api_does(mount: dict[str, Any]) -> None:
    assert [*typed_problems("docker", {"mounts": [mount]})] == []


def test_the_fields_of_a_mount_are_those_of_dockers_client() -> None:
    parameters = [*inspect.signature(Mount).parameters.values()]
    assert {each.name for each in parameters} == docker_mounts.mount_fields({"target": "/d"}).keys()
    required = [each.name for each in parameters if each.default is each.empty]
    assert docker_mounts.missing_fields({}) == required


def test_a_name_that_kubernetes_takes_is_none_to_tell_of() -> None:
    given = {"namespace": "ml-2", "service_account_name": "a.b-c", "priority_class_name": "{{ var.value.p }}"}
    assert [*typed_problems("kubernetes", given)] == []


def test_a_volume_has_one_of_the_sources_that_kubernetes_knows() -> None:
    assert [*volume_problems({"persistentVolumeClaim": {"claimName": "a"}}, "store_volume")] == []
    assert [*volume_problems({"persistentVolumeClaim": {}}, "store_volume")] == [
        "store_volume.persistentVolumeClaim: 'claimName' is missing"
    ]


def test_without_the_client_the_plain_types_are_checked_still(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "kubernetes.client", None)
    argument_values._models.cache_clear()
    try:
        given = {"tolerations": [{"keyy": 1}], "volumes": {}, "namespace": 7}
        assert len([*typed_problems("kubernetes", given)]) == 2
    finally:
        argument_values._models.cache_clear()
