from __future__ import annotations

from datetime import timedelta

import pytest

from airflow_provider_pipes.errors import CompileError, UserCodeError
from airflow_provider_pipes.models.deployment import PipelineDeployment
from tests.project import UserProject

STEPS = """
    @step
    def load(n: int = 1) -> Annotated[list[int], "rows"]:
        'Load rows.'
        return list(range(n))

    @step
    def train(rows: list[int], lr: float) -> tuple[Annotated[float, "model"], Annotated[int, "score"]]:
        return lr, len(rows)

    @step
    def report(score: int) -> None:
        print(score)
"""


def body(text: str, options: str = "", parameters: str = "", steps: str = STEPS) -> str:
    lines = "\n".join(f"        {line}" for line in text.strip().splitlines())
    return f"{steps}\n    @pipeline({options})\n    def training({parameters}):\n{lines}\n"


def test_a_pipeline_becomes_steps_in_the_order_of_their_calls(project: UserProject) -> None:
    project.pipeline(
        body(
            "rows = load(5)\nmodel, score = train(rows, lr=lr)\n"
            "report.after(model)(score)\nload.with_options(name='again')()",
            parameters="lr: float = 0.1",
        )
    )
    deployment = project.deployment()
    assert list(deployment.steps) == ["load", "train", "report", "again"]
    assert [step.upstream for step in deployment.step_specs] == [(), ("load",), ("train",), ()]
    train = deployment.steps["train"].model_dump()
    assert train["inputs"] == {
        "rows": {"kind": "artifact", "step": "load", "output": "rows"},
        "lr": {"kind": "parameter", "parameter": "lr"},
    }
    assert [(output["name"], output["type"]) for output in train["outputs"]] == [
        ("model", "float"),
        ("score", "int"),
    ]
    assert train["returns_tuple"]
    assert deployment.steps["load"].doc == "Load rows."
    assert deployment.steps["load"].source == "pipeline:load"


def test_the_document_comes_back_as_the_same_deployment(project: UserProject) -> None:
    project.pipeline(body("report(train(load(), 1.0)[1])"))
    deployment = project.deployment()
    again = PipelineDeployment.from_json(deployment.document)
    assert (again, again.id) == (deployment, deployment.id)


def test_settings_of_a_step_go_over_those_of_the_pipeline_and_the_project(project: UserProject) -> None:
    project.write(
        "pipes.toml",
        """
        [settings.task]
        retries = 1
        pool = "project"
        queue = "project"
        [settings.docker]
        parent_image = "python:3.12"
        requirements = ["a"]
        [settings.resources]
        memory = "1GB"
        """,
    )
    steps = """
    @step(retries=3, docker=DockerSettings(requirements=["c"]), resources=ResourceSettings(cpu_count=2))
    def load() -> int:
        return 1

    @step(cache=True)
    def other() -> int:
        return 1
    """
    options = "pool='pipeline', docker=DockerSettings(requirements=['b']), cache=False, "
    options += "retry_delay=timedelta(seconds=5)"
    project.pipeline(body("load()\nother()", options, steps=steps))
    load, other = project.deployment().step_specs
    assert (load.task.retries, load.task.pool, load.task.queue) == (3, "pipeline", "project")
    assert (other.task.retries, other.task.retry_delay) == (1, timedelta(seconds=5))
    assert (load.docker_settings.parent_image, load.docker_settings.requirements) == ("python:3.12", ("c",))
    assert other.docker_settings.requirements == ("b",)
    assert (load.resource_settings.cpu_count, load.resource_settings.memory) == (2, "1GB")
    assert (load.cache, other.cache) == (False, True)


def test_what_the_pipeline_says_of_itself_is_kept(project: UserProject) -> None:
    project.pipeline(
        '''
        @step
        def load() -> int:
            return 1

        daily = Schedule(cron="@daily")

        @pipeline(name="other-name", tags=["b", "a", "b"], schedule=daily, run_timeout=timedelta(hours=2))
        def training():
            """First line.

            More.
            """
            load()
        '''
    )
    config = project.deployment().pipeline
    assert (config.name, config.source, config.tags) == ("other-name", "pipeline:training", ("b", "a"))
    assert (config.description, config.doc, config.run_timeout) == (
        "First line.",
        "First line.\n\nMore.",
        7200.0,
    )
    assert config.schedule is not None
    assert config.schedule.cron == "@daily"


def test_resources_that_nothing_enforces_are_a_warning(project: UserProject) -> None:
    project.pipeline(body("load.with_options(resources=ResourceSettings(gpu_count=1))()"))
    (warning,) = project.compile().warnings
    assert (
        warning == "step 'load': its resources are not enforced where it runs; nothing limits or grants them"
    )


ONE_PROBLEM: list[tuple[str, str, str, str]] = [
    ("load(", "load(1, 2)", "", "step 'load' (pipeline.py:{last}): too many positional arguments"),
    ("missing", "train(load())", "", "missing a required argument: 'lr'; its signature is"),
    ("keyword", "load(m=1)", "", "got an unexpected keyword argument 'm'"),
    (
        "type",
        "report(load())",
        "",
        "step 'report', input 'score' (pipeline.py:{last}): expected int, got list[int] from",
    ),
    ("constant", "report('a')", "", "expected int, got the str 'a'; change the value or the annotation"),
    ("not json", "report.with_options(name='r')(object())", "", "expected int, got the object"),
    ("bytes", "use(b'x')", "", "the constant b'x' of type bytes is not JSON"),
    ("function", "use(lambda: 1)", "", "of type function is not JSON"),
    (
        "operator",
        "load.with_options(step_operator='gpu')()",
        "",
        "No step operator specified for active stack 'default'",
    ),
    (
        "retries",
        "load.with_options(retries=-1)()",
        "",
        "step 'load', retries: expected at least 0, got -1",
    ),
    ("timeout", "load.with_options(execution_timeout='soon')()", "", "step 'load', execution_timeout: "),
    ("cache", "load.with_options(cache='no')()", "", "step 'load', cache: expected True or False, got 'no'"),
    (
        "docker",
        "load.with_options(docker={})()",
        "",
        "step 'load', docker: expected DockerSettings(…), got {{}}",
    ),
    ("name", "load.with_options(name='a b')()", "", "step name 'a b' holds ' '; Airflow takes letters"),
    ("empty name", "load.with_options(name='')()", "", "step has an empty name; give it one"),
    ("long name", "load.with_options(name='x' * 251)()", "", "has 251 characters; Airflow takes at most 250"),
    ("name type", "load.with_options(name=['a'])()", "", "name: expected text, got ['a']"),
    (
        "materializers",
        "load.with_options(materializers=5)()",
        "",
        "expected a dict from output names to classes, got 5",
    ),
    ("output", "load.with_options(materializers={'x': int})()", "", "it has no output 'x'; it has: 'rows'"),
    (
        "class",
        "load.with_options(materializers={'rows': 'X'})()",
        "",
        "'rows' needs a Materializer class of a module",
    ),
    (
        "option",
        "load.with_options(retires=1)()",
        "",
        "pipeline.py:{last}: step 'load' has no option 'retires' (did you mean",
    ),
    (
        "after",
        "load.after(3)()",
        "",
        "pipeline.py:{last}: step 'load': after(…) takes what a step returned in this pipeline",
    ),
    (
        "nothing",
        "report(1)\nuse(report(1))",
        "",
        "step 'report_2' returns nothing; use .after(…) for order without data",
    ),
    (
        "attribute",
        "load().head()",
        "",
        "output 'rows' of step 'load' has no value while the pipeline is compiled",
    ),
    ("parameter", "if lr:\n    load()", "", "parameter 'lr' of pipeline 'training' has no value"),
    ("text", "load.with_options(name=f'load_{lr}')()", "", "asks for its text (str, format, an f-string)"),
    ("self", "training()", "", "pipeline.py:{last}: pipeline 'training' calls itself, a cycle without end"),
    ("empty", "pass", "", "its body calls no step; call at least one function decorated with @step"),
    ("tags", "load()", "tags='a'", "pipeline 'training', tags: expected a list of text, got 'a'"),
    ("tags type", "load()", "tags=5", "pipeline 'training', tags: expected a list of text, got 5"),
    ("tag length", "load()", "tags=['x' * 101]", "has 101 characters; Airflow takes 1 to 100"),
    ("tag text", "load()", "tags=['\\ud800']", "holds a NUL character or a lone surrogate"),
    (
        "description",
        "load()",
        "description='a\\0b'",
        "description: holds a NUL character or a lone surrogate",
    ),
    ("description type", "load()", "description=5", "pipeline 'training', description: expected text, got 5"),
    ("pipeline name", "load()", "name='my pipeline'", "pipeline name 'my pipeline' holds ' '"),
    ("pipeline name type", "load()", "name=3", "pipeline, name: expected text, got 3"),
    (
        "schedule",
        "load()",
        "schedule='@daily'",
        "pipeline 'training', schedule: expected Schedule(…), got '@daily'",
    ),
    ("cron", "load()", "schedule=Schedule(cron='* *')", "cron expression '* *' has 2 fields"),
    ("run timeout", "load()", "run_timeout=60", "run_timeout: expected a timedelta longer than zero, got 60"),
    (
        "include",
        "load()",
        "include='*.csv'",
        "pipeline 'training', include: expected a list of text, got '*.csv'",
    ),
    ("include type", "load()", "include=5", "include: expected a list of text, got 5"),
    ("include missing", "load()", "include=['*.csv']", "include '*.csv' "),
    (
        "pipeline cache",
        "load()\nload()",
        "cache=1",
        "pipeline 'training', cache: expected True or False, got 1",
    ),
    ("pool", "load()", "pool=''", "pipeline 'training', pool: expected text that is not empty, got ''"),
]


@pytest.mark.parametrize(
    ("text", "options", "why"), [case[1:] for case in ONE_PROBLEM], ids=[c[0] for c in ONE_PROBLEM]
)
def test_each_mistake_has_its_own_message(project: UserProject, text: str, options: str, why: str) -> None:
    steps = STEPS + "\n    @step\n    def use(value: Any) -> None: ...\n"
    file = (
        project.pipeline(body(text, options, parameters="lr: float = 0.1", steps=steps)).root / "pipeline.py"
    )
    last = len(file.read_text().rstrip().splitlines())
    assert why.format(last=last) in project.problem()


STEP_MISTAKES: list[tuple[str, str, str, str]] = [
    (
        "local",
        "def outer():\n    @step\n    def inner() -> int: ...\n    return inner\ninner = outer()",
        "inner()",
        "is not found under that name in its module; define it at the top level, under its own name",
    ),
    (
        "renamed",
        "@step\ndef one() -> int:\n    return 1\nother = one\none = None",
        "other()",
        "step 'one' (pipeline.py:",
    ),
    ("lambda", "anonymous = step(lambda: 1)", "anonymous()", "name '<lambda>' holds"),
    (
        "annotation",
        "@step\ndef odd(x: Nowhere) -> int:\n    return 1",
        "odd(1)",
        "name 'Nowhere' is not defined",
    ),
    (
        "two outputs",
        "@step\ndef two() -> tuple[Annotated[int, 'a'], Annotated[int, 'a']]:\n    return 1, 1",
        "two()",
        "step 'two': two outputs are named 'a'; name each by Annotated[T, 'name']",
    ),
    (
        "empty output",
        "@step\ndef two() -> Annotated[int, '']:\n    return 1",
        "two()",
        "an output has an empty name",
    ),
    (
        "output text",
        "@step\ndef two() -> Annotated[int, '\\ud800']:\n    return 1",
        "two()",
        "holds a NUL character or a lone",
    ),
    (
        "docstring",
        "@step\ndef two():\n    '\\ud800'",
        "two()",
        "step 'two', docstring: holds a NUL character or a lone surrogate",
    ),
]


@pytest.mark.parametrize(
    ("steps", "text", "why"), [case[1:] for case in STEP_MISTAKES], ids=[c[0] for c in STEP_MISTAKES]
)
def test_each_mistake_in_a_step_has_its_own_message(
    project: UserProject, steps: str, text: str, why: str
) -> None:
    indented = "\n".join(f"    {line}" for line in steps.splitlines()) + "\n"
    project.pipeline(body(text, steps=indented))
    assert any(why in problem for problem in project.problems())


def test_all_problems_are_told_at_once_with_paths_as_a_person_reads_them(project: UserProject) -> None:
    text = "rows = load('a')\nreport(rows)\ntrain(rows, lr=rows)\nload.with_options(retries=-1)()"
    project.pipeline(body(text, "tags='a', schedule=3", parameters="lr, day: bytes, n: int = 'x'"))
    with pytest.raises(CompileError) as caught:
        project.compile()
    assert str(caught.value).startswith("cannot compile pipeline 'training' (pipeline.py:")
    assert str(project.root) not in str(caught.value)
    found = [problem.partition(": ")[0].partition(" (")[0] for problem in caught.value.problems]
    assert found == [
        "parameter 'day'",
        "parameter 'n'",
        "parameter 'lr' has no default, and scheduled runs give none",
        "pipeline 'training', schedule",
        "pipeline 'training', tags",
        "step 'load', input 'n'",
        "step 'report', input 'score'",
        "step 'train', input 'lr'",
        "step 'load_2', retries",
    ]


def test_an_unknown_step_operator_is_told_with_those_there_are(project: UserProject) -> None:
    project.write(
        "pipes.toml",
        """
        active_stack = "team"
        [stacks.team]
        orchestrator = "local"
        artifact_store = "local"
        step_operators = ["child"]
        [step_operators.child]
        flavor = "subprocess"
        """,
    )
    project.pipeline(body("load.with_options(step_operator='cihld')()"))
    assert "No step operator named 'cihld' in active stack 'team'; it has: 'child'" in project.problem()


def test_an_exception_of_the_body_is_the_users_own(project: UserProject) -> None:
    project.pipeline(body("load()\nhelp_me()") + "\n    def help_me():\n        return 1 / 0\n")
    with pytest.raises(
        UserCodeError, match=r"the body of pipeline 'training' raised ZeroDivisionError.*pipeline.py:\d+"
    ) as caught:
        project.compile()
    assert "in help_me" in caught.value.traceback_text
    assert "airflow_provider_pipes" not in caught.value.traceback_text


def test_nothing_is_written_by_compiling(project: UserProject) -> None:
    project.pipeline(body("load()"))
    before = sorted(project.root.rglob("*"))
    project.compile()
    assert sorted(project.root.rglob("*")) == before


def test_tags_in_a_set_have_the_same_order_everywhere(project: UserProject) -> None:
    project.pipeline(body("load()", "tags={'c', 'a', 'b', 'd', 'e'}"))
    assert project.deployment().pipeline.tags == ("a", "b", "c", "d", "e")


def test_a_dict_keeps_the_order_that_its_user_gave_it(project: UserProject) -> None:
    steps = "    @step\n    def use(value: Any) -> Any:\n        return list(value)\n"
    project.pipeline(body("use({'b': 1, 'a': {'z': 1, 'y': 2}})", steps=steps))
    run = project.run()
    assert run.value("use") == ["b", "a"]


def test_one_nested_pipeline_may_be_called_twice(project: UserProject) -> None:
    steps = STEPS + "\n    @pipeline\n    def inner(n: int):\n        return load(n)\n"
    project.pipeline(body("train(inner(1), 0.1)\ntrain(inner(2), 0.1)", steps=steps))
    deployment = project.deployment("pipeline.py:training")
    assert list(deployment.steps) == ["load", "train", "load_2", "train_2"]
    assert deployment.steps["train_2"].upstream == ("load_2",)


@pytest.mark.parametrize("count", [2000])
def test_many_steps_of_one_name_are_compiled(project: UserProject, count: int) -> None:
    project.pipeline(body(f"for n in range({count}):\n    load(n)"))
    assert len(project.deployment().steps) == count
