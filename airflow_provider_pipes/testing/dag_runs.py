"""Runs DAGs one after another with ``dag.test()``; ``AirflowHome.run_dags`` starts it as a script."""

from __future__ import annotations

import json
import sys
import traceback
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import Any, cast
from unittest.mock import patch


def main(order: Path, answer: Path) -> None:
    """Read what to run from one file and write what was run to the other."""
    wanted = json.loads(order.read_text())
    exec(compile(wanted["preamble"], "<preamble>", "exec"), {})
    dags, errors = _load()
    answer.write_text(json.dumps([_run(dags, errors, each) for each in wanted["runs"]]))


def _load() -> tuple[dict[str, Any], dict[str, str]]:
    from airflow.dag_processing.bundles.manager import DagBundlesManager
    from airflow.dag_processing.dagbag import BundleDagBag, sync_bag_to_db

    manager = cast("Any", DagBundlesManager)()
    manager.sync_bundles_to_db()
    (bundle,) = manager.get_all_dag_bundles()
    bundle.initialize()
    bag = BundleDagBag(dag_folder=bundle.path, bundle_path=bundle.path, bundle_name=bundle.name)
    sync_bag_to_db(bag, bundle.name, bundle.version)
    return bag.dags, bag.import_errors


def _run(dags: dict[str, Any], errors: dict[str, str], wanted: dict[str, Any]) -> dict[str, str]:
    from airflow.sdk.timezone import parse, utcnow

    dag_id = wanted["dag_id"] or (next(iter(dags)) if len(dags) == 1 else "")
    if dag_id not in dags:
        said = f"no DAG {dag_id!r}" if dag_id else "expected one DAG, or its id"
        return {
            "dag_id": dag_id,
            "run_id": "",
            "error": f"{said}; there are: {sorted(dags)}; import errors: {errors}",
        }
    sys.stdout.write(f"=== {dag_id} {wanted['conf']}\n")
    date = parse(wanted["logical_date"]) if wanted["logical_date"] else utcnow()
    try:
        with _named(wanted.get("run_id")):
            run = dags[dag_id].test(logical_date=date, run_conf=wanted["conf"])
    except Exception:
        return {"dag_id": dag_id, "run_id": "", "error": traceback.format_exc()}
    return {"dag_id": dag_id, "run_id": run.run_id, "error": ""}


def _named(run_id: str | None) -> AbstractContextManager[object]:
    """Give the next run this id; ``dag.test()`` has no argument for it."""
    if run_id is None:
        return nullcontext()
    from airflow.models.dagrun import DagRun

    return patch.object(DagRun, "generate_run_id", staticmethod(lambda **_: run_id))


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
