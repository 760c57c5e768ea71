"""`pipes deploy` and `pipes undeploy`: DAG files in and out of Airflow's dags folder."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from airflow_provider_pipes.cli.candidates import Candidate, built, found, not_airflow, planned
from airflow_provider_pipes.cli.completion import complete_dags
from airflow_provider_pipes.cli.failures import tell_all
from airflow_provider_pipes.cli.options import DagsFolderOption, JsonFlag, StackOption
from airflow_provider_pipes.cli.terminal import OUT, Part, print_json
from airflow_provider_pipes.errors import DeployError, PipesError, StaleDagError

if TYPE_CHECKING:
    from airflow_provider_pipes.orchestrators.airflow.orchestrator import AirflowOrchestrator, DagFile
    from airflow_provider_pipes.stack.stack import Stack

_DIFF_STYLES = {"---": "bold", "+++": "bold", "@": "cyan", "+": "green", "-": "red"}
_RESULT_STYLES = {"created": "green", "updated": "yellow"}


def deploy(
    targets: Annotated[
        list[str], typer.Argument(metavar="TARGET...", help="Pipelines: path/to/file.py:name or module:name.")
    ],
    dags_folder: DagsFolderOption = None,
    stack: StackOption = None,
    show_diff: Annotated[
        bool, typer.Option("--diff", help="Show what would change in the DAG files; write nothing.")
    ] = False,
    check: Annotated[
        bool, typer.Option("--check", help="Exit with 1 if a DAG file would change; write nothing.")
    ] = False,
    as_json: JsonFlag = False,
) -> None:
    """Write the Airflow DAG file of each pipeline; all of them or none."""
    from airflow_provider_pipes.cli.session import compile_targets

    sessions, errors = compile_targets(targets, stack, "deploy")
    look_only = show_diff or check
    candidates: list[Candidate] = []
    for session in sessions:
        try:
            candidates.append(found(session, dags_folder) if look_only else planned(session, dags_folder))
        except PipesError as error:
            errors.append(error)
    errors += _collisions(candidates)
    if errors:
        raise typer.Exit(tell_all(errors))
    if look_only:
        stale = _compare(candidates, show_diff, as_json)
        if check and stale:
            raise _stale(stale, dags_folder, stack)
    else:
        _publish(candidates, as_json)


def airflow_orchestrator(stack: Stack) -> AirflowOrchestrator:
    """Return a stack's orchestrator, which must be one that writes DAG files.

    Raises:
        ConfigurationError: it is another.
    """
    from airflow_provider_pipes.orchestrators.airflow.orchestrator import AirflowOrchestrator

    if not isinstance(stack.orchestrator, AirflowOrchestrator):
        raise not_airflow(stack)
    return stack.orchestrator


def _collisions(candidates: Sequence[Candidate]) -> list[PipesError]:
    first: dict[Path, Candidate] = {}
    errors: list[PipesError] = []
    for each in candidates:
        if each.file is None:
            continue
        other, dag_id = first.setdefault(each.file.path, each), each.file.dag_id
        if other.session.deployment.pipeline.source != each.session.deployment.pipeline.source:
            errors.append(
                DeployError(
                    f"{other.session.text} and {each.session.text} would both be the DAG {dag_id!r} "
                    f"({each.file.path}); give one of them another name by @pipeline(name=…)"
                )
            )
    return errors


def _compare(candidates: Sequence[Candidate], show_diff: bool, as_json: bool) -> list[Candidate]:
    """Print what would change if that is asked for, and return whose files would."""
    differences = [(each, each.difference()) for each in candidates]
    stale = [each for each, text in differences if text or each.unbuilt]
    if as_json:
        print_json(
            [
                each.document(changed=each in stale, diff=text, unbuilt_images=list(each.unbuilt))
                for each, text in differences
            ]
        )
    elif show_diff:
        for each, text in differences:
            _print_diff(text)
            for image in each.unbuilt:
                OUT.line(("would be built", "yellow"), f"  {image}")
    if not as_json and not stale:
        OUT.line("the DAG file is up to date" if len(candidates) == 1 else "all DAG files are up to date")
    return stale


def _stale(candidates: Sequence[Candidate], dags_folder: Path | None, stack: str | None) -> StaleDagError:
    files = [(each.file, each) for each in candidates if each.file]
    lines = [f"  - {file.path}: {_how_stale(file, each)} ({each.session.text})" for file, each in files]
    command = ["pipes", "deploy", *(each.session.text for _, each in files)]
    command += ["--dags-folder", str(dags_folder)] if dags_folder else []
    command += ["--stack", stack] if stack else []
    headline = "these DAG files are not what their pipelines compile to now:"
    return StaleDagError("\n".join([headline, *lines, f"run `{shlex.join(command)}`"]))


def _how_stale(file: DagFile, candidate: Candidate) -> str:
    if not file.path.exists():
        return "is missing"
    unbuilt = [f"image {image} would be built" for image in candidate.unbuilt]
    return ", ".join(["differs" if candidate.difference() else "needs an image", *unbuilt])


def _print_diff(text: str) -> None:
    for line in text.split("\n")[:-1]:
        style = next((style for prefix, style in _DIFF_STYLES.items() if line.startswith(prefix)), "")
        OUT.line((line, style))


def _publish(candidates: Sequence[Candidate], as_json: bool) -> None:
    errors = _obstacles(candidates)
    if errors:
        raise typer.Exit(tell_all(errors))
    for each in candidates:
        each.session.warn()
    # All of them before the first file is written: where one can't be built, nothing has changed.
    candidates = [built(each, as_json) for each in candidates]
    documents = []
    for each in candidates:
        given = each.session.submit(_submission(each))
        each.session.keep_memo()
        result = "deployed" if each.file is None else str(given.published)
        documents.append(each.document(result=result))
        if not as_json:
            OUT.line(*_told(each, result))
    if as_json:
        print_json(documents)


def _obstacles(candidates: Sequence[Candidate]) -> list[PipesError]:
    """Return what would stop one of the files, before any of them is written."""
    errors: list[PipesError] = []
    for each in candidates:
        try:
            _check_publishable(each)
        except PipesError as error:
            errors.append(error)
    return errors


def _check_publishable(candidate: Candidate) -> None:
    from airflow_provider_pipes.orchestrators.airflow.publish import check_place

    session = candidate.session
    if candidate.file is not None:
        check_place(candidate.file.path, candidate.file.text)
    session.code.verify()


def _submission(candidate: Candidate) -> Any:
    from airflow_provider_pipes.orchestrators.submission import Submission

    session = candidate.session
    return Submission(
        storage=session.storage(),
        snapshot=lambda: session.code.snapshot().data,
        store_connection_id=session.store_connection_id,
        project_root=session.root,
        dags_folder=candidate.place,
    )


def _told(candidate: Candidate, result: str) -> list[Part]:
    shown: list[Part] = [(f"{result:<9}", _RESULT_STYLES.get(result, "")), "  "]
    if candidate.file is None:
        return [*shown, f"{candidate.session.text} by orchestrator {candidate.session.orchestrator.name!r}"]
    return [*shown, f"{candidate.file.path}  DAG ", (candidate.file.dag_id, "bold")]


def undeploy(
    targets: Annotated[
        list[str],
        typer.Argument(
            metavar="TARGET|DAG_ID...",
            help="Pipelines as `pipes deploy` takes them, or ids of DAGs.",
            autocompletion=complete_dags,
        ),
    ],
    dags_folder: DagsFolderOption = None,
    stack: StackOption = None,
) -> None:
    """Remove DAG files that `pipes deploy` wrote, all of them or none; their runs and artifacts stay."""
    from airflow_provider_pipes.orchestrators.airflow.publish import check_removable, unpublish

    # By path: a DAG may be named twice, as a target and by its id.
    deployed: dict[Path, tuple[Path, str]] = {}
    errors: list[PipesError] = []
    for text in dict.fromkeys(targets):
        try:
            place = _place_of(text, dags_folder, stack)
            deployed[check_removable(*place)] = place
        except PipesError as error:
            errors.append(error)
    if errors:
        raise typer.Exit(tell_all(errors))
    for place in deployed.values():
        OUT.line(("removed", "yellow"), f"    {unpublish(*place)}")


def _place_of(text: str, dags_folder: Path | None, stack_name: str | None) -> tuple[Path, str]:
    """Return the dags folder and the id of a DAG."""
    from airflow_provider_pipes.cli.session import project_here, project_of

    if not _is_target(text):
        project = project_here()
        orchestrator = airflow_orchestrator(project.stack_for_deploy(stack_name))
        return orchestrator.dags_folder(project.root, dags_folder), text
    from airflow_provider_pipes.compiler.target import load_target

    target = load_target(text)
    root, project = project_of(target.layout)
    orchestrator = airflow_orchestrator(project.stack_for_deploy(stack_name))
    folder = orchestrator.dags_folder(root, dags_folder)
    return folder, orchestrator.config.dag_id_for(target.pipeline.name)


def _is_target(text: str) -> bool:
    # An id of a DAG has neither a colon nor a slash.
    return ":" in text or "/" in text or text.endswith(".py")
