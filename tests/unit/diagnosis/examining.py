"""`pipes doctor --json` in a real project, and its findings by check."""

from __future__ import annotations

import json
from typing import Any

from tests.cli.conftest import Project

S3 = """
    [stacks.team]
    orchestrator = "airflow"
    artifact_store = "bucket"

    [artifact_stores.bucket]
    flavor = "s3"
    uri = "s3://bucket/pipes"
    connection_id = "team_store"
"""
Findings = dict[str, list[dict[str, Any]]]


def examine(project: Project, *arguments: str, code: int | None = None, **variables: str) -> Findings:
    """Run `pipes doctor --json` and return the findings by check."""
    home = {"HOME": str(project.root.parent)}
    done = project.pipes("doctor", "--json", *arguments, env={**home, **variables})
    document = json.loads(done.out)
    assert document["ok"] == (done.code == 0), done
    assert code in (None, done.code), done.out
    found: Findings = {}
    for each in document["findings"]:
        assert each["fix"] or each["status"] in ("ok", "not checked"), each
        found.setdefault(each["check"], []).append(each)
    return found


def statuses(found: Findings) -> dict[str, list[str]]:
    return {check: [each["status"] for each in findings] for check, findings in found.items()}


def the(found: Findings, check: str) -> dict[str, Any]:
    (finding,) = found[check]
    return finding
