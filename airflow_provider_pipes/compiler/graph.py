"""The graph of a pipeline as text that other tools draw, and as an SVG picture."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from airflow_provider_pipes.models.deployment import InputSpec, PipelineDeployment, StepSpec

_LABEL_LENGTH = 40
# The names that outputs have whose step gives them none: their types say more.
_UNNAMED = re.compile(r"output(_\d+)?\Z")
# What mermaid takes literally inside of quotes.
_MERMAID_PLAIN = re.compile(r"[^\w .,:()\[\]{}=+*/-]")
_DOT_ESCAPES = {"\\": "\\\\", '"': '\\"', "\n": "\\n", "\r": "", "\x00": ""}


@dataclass(frozen=True)
class GraphNode:
    """A step.

    Attributes:
        notes: What is special about it, in a word or two each.
        doc: First line of its docstring.
    """

    name: str
    notes: tuple[str, ...] = ()
    doc: str = ""


@dataclass(frozen=True)
class GraphEdge:
    """What flows from one step to another.

    Attributes:
        labels: The outputs; none where only the order matters.
    """

    source: str
    target: str
    labels: tuple[str, ...] = ()

    @property
    def label(self) -> str:
        """The outputs as one text, cut off where it is long."""
        text = " ".join(", ".join(self.labels).split())
        return text if len(text) <= _LABEL_LENGTH else f"{text[: _LABEL_LENGTH - 1]}…"


@dataclass(frozen=True)
class Graph:
    """A pipeline's steps, in order, and its edges."""

    name: str
    nodes: tuple[GraphNode, ...]
    edges: tuple[GraphEdge, ...]


def graph_of(deployment: PipelineDeployment) -> Graph:
    """Return the graph of a compiled pipeline."""
    nodes = tuple(
        GraphNode(step.name, tuple(_notes(step)), step.doc.partition("\n")[0])
        for step in deployment.step_specs
    )
    edges = tuple(edge for step in deployment.step_specs for edge in _edges(step, deployment))
    return Graph(deployment.pipeline.name, nodes, edges)


def _notes(step: StepSpec) -> Iterator[str]:
    if step.step_operator is not None:
        yield f"on {step.step_operator}"
    if not step.cache:
        yield "no cache"


def _edges(step: StepSpec, deployment: PipelineDeployment) -> Iterator[GraphEdge]:
    used = [reference for spec in step.inputs.values() for reference in _references(spec)]
    for upstream in step.upstream:
        outputs = dict.fromkeys(output for name, output in used if name == upstream)
        labels = (_label(deployment.steps[upstream], output) for output in outputs)
        yield GraphEdge(upstream, step.name, tuple(dict.fromkeys(labels)))


def _references(spec: InputSpec) -> Iterator[tuple[str, str]]:
    if spec.kind == "artifact":
        yield spec.step, spec.output
    elif spec.kind in ("list", "tuple"):
        for item in spec.items:
            yield from _references(item)
    elif spec.kind == "dict":
        for entry in spec.entries.values():
            yield from _references(entry)


def _label(step: StepSpec, output: str) -> str:
    if not _UNNAMED.match(output):
        return output
    return next((each.type for each in step.outputs if each.name == output), output)


def draw(deployment: PipelineDeployment, form: str) -> str:
    """Return the graph as text that ends with a newline.

    Args:
        deployment: The compiled pipeline.
        form: mermaid, dot or svg.
    """
    graph = graph_of(deployment)
    if form == "svg":
        from airflow_provider_pipes.compiler.graph_svg import svg

        return svg(graph)
    return {"mermaid": mermaid, "dot": dot}[form](graph)


def mermaid(graph: Graph) -> str:
    """Return a Mermaid flowchart."""
    ids = _ids(graph)
    lines = ["flowchart TD"]
    for node in graph.nodes:
        notes = "".join(f"<br/>{mermaid_text(note)}" for note in node.notes)
        lines.append(f'    {ids[node.name]}["{mermaid_text(node.name)}{notes}"]')
    for edge in graph.edges:
        arrow = f'-- "{mermaid_text(edge.label)}" -->' if edge.label else "-.->"
        lines.append(f"    {ids[edge.source]} {arrow} {ids[edge.target]}")
    uncached = [ids[node.name] for node in graph.nodes if "no cache" in node.notes]
    if uncached:
        lines.append("    classDef uncached stroke-dasharray: 5 4")
        lines.append(f"    class {','.join(uncached)} uncached")
    return "\n".join(lines) + "\n"


def mermaid_text(text: str) -> str:
    """Return ``text`` for a quoted Mermaid label; whatever could mean something becomes a character code."""
    return _MERMAID_PLAIN.sub(lambda found: f"#{ord(found[0])};", text)


def dot(graph: Graph) -> str:
    """Return a graph in Graphviz's language."""
    ids = _ids(graph)
    lines = [
        f'digraph "{dot_text(graph.name)}" {{',
        "    rankdir=TB",
        '    node [shape=box style=rounded fontname="Helvetica"]',
        '    edge [fontname="Helvetica" fontsize=10]',
    ]
    for node in graph.nodes:
        label = "\\n".join(dot_text(each) for each in (node.name, *node.notes))
        style = ' style="rounded,dashed"' if "no cache" in node.notes else ""
        lines.append(f'    {ids[node.name]} [label="{label}"{style}]')
    for edge in graph.edges:
        attributes = f'label="{dot_text(edge.label)}"' if edge.label else "style=dashed"
        lines.append(f"    {ids[edge.source]} -> {ids[edge.target]} [{attributes}]")
    return "\n".join([*lines, "}"]) + "\n"


def dot_text(text: str) -> str:
    """Return ``text`` for a quoted string in Graphviz's language."""
    return "".join(_DOT_ESCAPES.get(character, character) for character in text)


def _ids(graph: Graph) -> dict[str, str]:
    # Names of our own, since a step may be called "end", which is a word of Mermaid's.
    return {node.name: f"s{index}" for index, node in enumerate(graph.nodes)}
