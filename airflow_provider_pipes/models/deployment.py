"""The compiled pipeline: all that an orchestrator, a worker or a container needs to run it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import cached_property
from types import MappingProxyType
from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator
from pydantic_core import to_jsonable_python

from airflow_provider_pipes.errors import ConfigurationError
from airflow_provider_pipes.models.canonical import canonical_json, sha256_hex
from airflow_provider_pipes.models.documents import SCHEMA_VERSION, check_schema_version
from airflow_provider_pipes.models.settings import DockerSettings, ResourceSettings, Schedule, TaskSettings

JsonObject = dict[str, Any]


class _Spec(BaseModel):
    model_config = ConfigDict(
        frozen=True, extra="forbid", populate_by_name=True, ser_json_inf_nan="constants"
    )


class ParameterSpec(_Spec):
    """A parameter of the pipeline.

    Attributes:
        json_schema: JSON schema of its values; the form, ``--conf`` and ``pipes run --param`` use it.
        default: Value where a run gives none; None as well where ``required``.
        required: Whether every run must give a value.
    """

    name: str
    json_schema: JsonObject
    default: Any = None
    required: bool = False


class ArtifactInput(_Spec):
    """An input that another step produces."""

    kind: Literal["artifact"]
    step: str
    output: str


class ParameterInput(_Spec):
    """An input that a parameter of the pipeline gives."""

    kind: Literal["parameter"]
    parameter: str


class ConstantInput(_Spec):
    """An input written in the pipeline's body; ``value`` is JSON."""

    kind: Literal["constant"]
    value: Any


class SequenceInput(_Spec):
    """A list or tuple of which at least one element is not constant, or a tuple."""

    kind: Literal["list", "tuple"]
    items: tuple[InputSpec, ...]


class MappingInput(_Spec):
    """A dict of which at least one value is not constant; its keys are text, lone surrogates included."""

    kind: Literal["dict"]
    entries: dict[Any, InputSpec]


InputSpec = Annotated[
    ArtifactInput | ParameterInput | ConstantInput | SequenceInput | MappingInput, Field(discriminator="kind")
]


class OutputSpec(_Spec):
    """A named result of a step.

    Attributes:
        type: Its annotation, for people.
        materializer: A materializer class ("module:Class") that the user chose, or None.
    """

    name: str
    type: str
    materializer: str | None = None


class StepSpec(_Spec):
    """One step of the pipeline, all settings resolved.

    Attributes:
        source: The function, as "module:function".
        upstream: Steps that must be done before, in the order in which the call names them.
        code_hash: SHA-256 over the step's code closure.
        cache: Whether a result of the same code and inputs may be reused.
        returns_tuple: Whether the function returns its outputs as a tuple, even if of one.
        orchestrator_settings: What the step or its pipeline says to the orchestrator, over its config.
        image: Reference of the image that it runs in, by digest where it was pushed; None where it
            needs none.
        image_build: Hash of what built the image; None where it was not built here.
    """

    name: str
    source: str
    doc: str = ""
    inputs: dict[str, InputSpec] = Field(default_factory=dict)
    outputs: tuple[OutputSpec, ...] = ()
    returns_tuple: bool = False
    upstream: tuple[str, ...] = ()
    code_hash: str
    cache: bool = True
    task: TaskSettings = TaskSettings()
    resource_settings: ResourceSettings = ResourceSettings()
    docker_settings: DockerSettings = DockerSettings()
    step_operator: str | None = None
    orchestrator_settings: JsonObject = Field(default_factory=dict)
    image: str | None = None
    image_build: str | None = None


class PipelineConfig(_Spec):
    """What is said about the pipeline as a whole.

    Attributes:
        doc: The function's docstring; Airflow shows it as Markdown.
        task: Defaults of its steps' tasks.
        run_timeout: The longest time that a run may take, in Airflow's terms ``dagrun_timeout``.
    """

    name: str
    source: str
    description: str = ""
    doc: str = ""
    parameters: tuple[ParameterSpec, ...] = ()
    schedule: Schedule | None = None
    tags: tuple[str, ...] = ()
    task: TaskSettings = TaskSettings()
    run_timeout: float | None = None
    docker_settings: DockerSettings = DockerSettings()


class CodeSpec(_Spec):
    """The code snapshot.

    Attributes:
        hash: Names the zip in the store; computed over its contents.
        roots: Folders inside it that go on ``sys.path``, first one first.
    """

    hash: str
    roots: tuple[str, ...] = ("",)


class ComponentSpec(_Spec):
    """One component of the stack, without any secret.

    Attributes:
        implementation: Class path, as "module:Class".
        config_class: Class path of its config.
        hooks: Whether its class overrides ``prepare_step_run`` or ``cleanup_step_run``; a step
            process imports only those that do.
    """

    type: str
    name: str
    flavor: str
    implementation: str
    config_class: str = ""
    config: JsonObject = Field(default_factory=dict)
    hooks: bool = False


class StackSpec(_Spec):
    """The stack that the pipeline was compiled for."""

    name: str
    components: tuple[ComponentSpec, ...] = ()


class PipelineDeployment(_Spec):
    """A compiled pipeline.

    Its id is the SHA-256 of its canonical JSON, which holds no absolute path, time or host: the same
    pipeline has the same id on every machine.
    """

    schema_version: int = SCHEMA_VERSION
    pipeline: PipelineConfig
    step_specs: tuple[StepSpec, ...] = Field(alias="steps")
    code: CodeSpec
    stack: StackSpec

    @model_validator(mode="after")
    def _connected(self) -> Self:
        """Refuse steps that need what does not come before them: a cycle, a name that is unknown."""
        parameters = {parameter.name for parameter in self.pipeline.parameters}
        earlier: dict[str, set[str]] = {}
        for step in self.step_specs:
            if step.name in earlier:
                raise ValueError(f"two steps are named {step.name!r}")
            for name in step.upstream:
                if name not in earlier:
                    raise ValueError(f"step {step.name!r} needs step {name!r}, which is not before it")
            for name, spec in step.inputs.items():
                _check_input(f"step {step.name!r}, input {name!r}", spec, step, earlier, parameters)
            earlier[step.name] = {output.name for output in step.outputs}
        return self

    @cached_property
    def steps(self) -> Mapping[str, StepSpec]:
        """The steps by name, each after the steps that it depends on."""
        return MappingProxyType({step.name: step for step in self.step_specs})

    @cached_property
    def document(self) -> bytes:
        """The canonical JSON; its SHA-256 is the id. Defaults are left out: 10,000 steps stay small."""
        # Not in pydantic's JSON mode, which takes no lone surrogate in the keys of a user's dict.
        values = self.model_dump(by_alias=True, exclude_defaults=True)
        document = {"schema_version": self.schema_version, **values}
        return canonical_json(document, keep_order=True, default=to_jsonable_python)

    @cached_property
    def id(self) -> str:
        """The deployment's id."""
        return sha256_hex(self.document)

    @classmethod
    def from_json(cls, data: bytes) -> PipelineDeployment:
        """Read a deployment.

        Raises:
            SchemaVersionError: a newer version wrote it.
            ConfigurationError: it is no deployment document.
        """
        try:
            values = json.loads(data)
        except (ValueError, RecursionError) as error:
            raise ConfigurationError(f"this is no deployment document: {error}") from None
        if not isinstance(values, dict):
            raise ConfigurationError("this is no deployment document: expected a JSON object")
        check_schema_version("deployment", values)
        try:
            return cls.model_validate(values)
        except ValidationError as error:
            problems = (_problem(each["loc"], each["msg"]) for each in error.errors())
            raise ConfigurationError(f"this deployment document is damaged: {'; '.join(problems)}") from None


def _problem(location: tuple[int | str, ...], message: str) -> str:
    where = ".".join(map(str, location))
    return f"{where}: {message}" if where else message.removeprefix("Value error, ")


def _check_input(
    where: str, spec: InputSpec, step: StepSpec, earlier: Mapping[str, set[str]], parameters: set[str]
) -> None:
    if isinstance(spec, ArtifactInput):
        if spec.step not in step.upstream:
            raise ValueError(f"{where}: step {spec.step!r} is not upstream of it")
        if spec.output not in earlier[spec.step]:
            raise ValueError(f"{where}: step {spec.step!r} has no output {spec.output!r}")
    elif isinstance(spec, ParameterInput):
        if spec.parameter not in parameters:
            raise ValueError(f"{where}: the pipeline has no parameter {spec.parameter!r}")
    elif isinstance(spec, SequenceInput):
        for each in spec.items:
            _check_input(where, each, step, earlier, parameters)
    elif isinstance(spec, MappingInput):
        for each in spec.entries.values():
            _check_input(where, each, step, earlier, parameters)


class StepRunInfo(_Spec):
    """What a step operator and the stack's hooks are told about a step run (document 004).

    Attributes:
        config: The step, with ``resource_settings`` and ``docker_settings``.
        pipeline: The pipeline, with ``docker_settings``.
        run_name: The same for all steps of a run.
    """

    config: StepSpec
    pipeline: PipelineConfig
    run_name: str
