"""The DAG files of the golden pipelines, compiled from any checkout; as a module, it prints them as JSON."""

from __future__ import annotations

import json
import sys
from pathlib import Path

from tests.project import UserProject

GOLDEN = Path(__file__).with_name("golden")


def pipelines(root: Path = GOLDEN) -> list[str]:
    """Return the names of the golden pipelines."""
    return sorted(path.stem for path in (root / "pipelines").glob("*.py"))


def compile_all(root: Path = GOLDEN) -> dict[str, list[str]]:
    """Return for each pipeline its deployment's id, the name of its DAG file and the text of that."""
    project = UserProject(root)
    found = {}
    for name in pipelines(root):
        target = f"pipelines/{name}.py"
        file = project.dag_file(target)
        found[name] = [project.compile(target, deploy=True).deployment.id, file.path.name, file.text]
    return found


if __name__ == "__main__":
    sys.dont_write_bytecode = True
    sys.stdout.write(json.dumps(compile_all(Path(sys.argv[1]))))
