"""What a starter project consists of."""

from __future__ import annotations

import keyword
import re
import sys
import unicodedata
from pathlib import Path

_HERE = Path(__file__).parent
_NAME = re.compile(r"[a-z][a-z0-9_]*\Z")
_LONGEST = 60
# The pipeline's DAG file has its name, in a folder that Airflow puts on Python's path.
_TAKEN = frozenset({"airflow", "airflow_provider_pipes", "conftest", "pipelines", "pytest"})
_FILES = {
    "pipes.toml": "pipes.toml.template",
    "pipelines.py": "pipelines.py.template",
    "test_pipelines.py": "test_pipelines.py.template",
    ".gitignore": "gitignore.template",
    "README.md": "README.md.template",
}
# What a folder may have already, as a fresh repository does; the starter works with the user's own.
KEPT_FILES = frozenset({".gitignore", "README.md"})
# What the module calls other things.
_OF_THE_MODULE = frozenset(
    {"find_unusual", "get_step_context", "measure", "pipeline", "report", "smooth", "step"}
)


def name_problem(name: str) -> str | None:
    """Return why a starter's pipeline can't have a name, or None."""
    if not _NAME.match(name):
        return "expected small letters, digits and '_', with a letter first"
    if len(name) > _LONGEST:
        return f"expected at most {_LONGEST} characters, got {len(name)}"
    if keyword.iskeyword(name) or keyword.issoftkeyword(name):
        return "it is a word of Python's own"
    if name in sys.stdlib_module_names or name in _TAKEN:
        return "its DAG file would have the name of another module"
    return "a step of the starter has that name" if name in _OF_THE_MODULE else None


def suggested_name(text: str) -> str:
    """Return a valid name that is like ``text``."""
    # Letters without their accents: what Unicode has as letter and accent is still that letter.
    letters = unicodedata.normalize("NFKD", text.casefold())
    letters = "".join(each for each in letters if not unicodedata.combining(each))
    plain = re.sub(r"[^a-z0-9]+", "_", letters).strip("_").lstrip("0123456789_")[:_LONGEST].rstrip("_")
    for candidate in (plain, f"{plain}_pipeline"):
        if name_problem(candidate) is None:
            return candidate
    return "my_pipeline"


def starter_files(name: str) -> dict[str, str]:
    """Return the text of each file of a starter project, by its path."""
    return {
        path: (_HERE / template).read_text(encoding="utf-8").replace("%name%", name)
        for path, template in _FILES.items()
    }
