from __future__ import annotations

import html
import re
import xml.etree.ElementTree as ET
from collections.abc import Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from airflow_provider_pipes.compiler.graph import (
    Graph,
    GraphEdge,
    GraphNode,
    dot,
    dot_text,
    draw,
    graph_of,
    mermaid,
    mermaid_text,
)
from airflow_provider_pipes.compiler.graph_svg import svg
from airflow_provider_pipes.models.deployment import (
    ArtifactInput,
    CodeSpec,
    ConstantInput,
    MappingInput,
    OutputSpec,
    PipelineConfig,
    PipelineDeployment,
    SequenceInput,
    StackSpec,
    StepSpec,
)

texts = st.text(st.characters(exclude_categories=()), max_size=30)
SVG = "{http://www.w3.org/2000/svg}"


@st.composite
def graphs(draw: st.DrawFn) -> Graph:
    names = draw(st.lists(texts, min_size=1, max_size=8, unique=True))
    nodes = tuple(GraphNode(name, tuple(draw(st.lists(texts, max_size=2))), draw(texts)) for name in names)
    edges = [
        GraphEdge(names[upper], names[lower], tuple(draw(st.lists(texts, max_size=2))))
        for lower in range(len(names))
        for upper in range(lower)
        if draw(st.booleans())
    ]
    return Graph(draw(texts), nodes, tuple(edges))


@given(texts)
def test_mermaid_gives_any_text_back(text: str) -> None:
    escaped = mermaid_text(text)
    assert not set(escaped) & set("\"'`<>&|\\\n\r@%{}") - {"{", "}"}
    assert re.sub(r"#(\d+);", lambda found: chr(int(found[1])), escaped) == text


@given(texts)
def test_dot_gives_any_text_back(text: str) -> None:
    escaped = dot_text(text)
    read = re.sub(r"\\(.)", lambda found: {"n": "\n"}.get(found[1], found[1]), escaped)
    assert read == text.replace("\r", "").replace("\x00", "")
    assert re.fullmatch(r'(?:[^"\\\n]|\\["\\n])*', escaped, re.DOTALL)


@given(graphs())
def test_no_text_leaves_its_place_in_mermaid_or_dot(graph: Graph) -> None:
    label = r'"[^"]*"'
    first, *lines = mermaid(graph).split("\n")[:-1]
    assert first == "flowchart TD"
    shapes = [
        rf"s\d+\[{label}\]",
        rf"s\d+ (-\.->|-- {label} -->) s\d+",
        r"class(Def \w+| s\d+(,s\d+)*) [\w :-]+",
    ]
    assert [line for line in lines if not re.fullmatch(f"    ({'|'.join(shapes)})", line)] == []
    quoted = r'"(?:[^"\\\n]|\\["\\n])*"'
    box = rf's\d+ \[label={quoted}( style="rounded,dashed")?\]'
    statement = rf"    ({box}|s\d+ -> s\d+ \[(label={quoted}|style=dashed)\])"
    head, *body = dot(graph).split("\n")[:-1]
    assert re.fullmatch(rf"digraph {quoted} \{{", head, re.DOTALL)
    assert [line for line in body[3:-1] if not re.fullmatch(statement, line, re.DOTALL)] == []
    assert len(body[3:-1]) == len(graph.nodes) + len(graph.edges)


@given(graphs())
def test_an_svg_is_xml_with_every_text_in_it_whatever_it_holds(graph: Graph) -> None:
    text = svg(graph)
    root = ET.fromstring(text)
    names = [each.text for each in root.iter(f"{SVG}text") if each.get("class") == "name"]
    assert len(names) == len(graph.nodes)
    for node, shown in zip(graph.nodes, names, strict=True):
        if node.name.isprintable():
            assert (shown or "") == node.name
    assert {each.tag for each in root.iter()} <= {
        f"{SVG}{tag}" for tag in ("svg", "title", "style", "rect", "g", "text", "path")
    }
    assert svg(graph) == text
    assert html.unescape(root.get("aria-label") or "") is not None


def step(name: str, *upstream: str, **fields: object) -> StepSpec:
    return StepSpec.model_validate(
        {"name": name, "source": "m:f", "code_hash": "0" * 64, "upstream": upstream, **fields}
    )


def deployment(steps: Sequence[StepSpec]) -> PipelineDeployment:
    return PipelineDeployment(
        pipeline=PipelineConfig(name="p", source="m:p"),
        step_specs=tuple(steps),
        code=CodeSpec(hash="0" * 64),
        stack=StackSpec(name="default"),
    )


def test_edges_carry_the_outputs_wherever_the_input_holds_them() -> None:
    a = step(
        "a",
        outputs=(OutputSpec(name="rows", type="list"), OutputSpec(name="output_1", type="dict[str, int]")),
        doc="Load.\n\nMore.",
        step_operator="gpu",
        cache=False,
    )
    inputs = {
        "x": MappingInput(
            kind="dict",
            entries={
                "first": ArtifactInput(kind="artifact", step="a", output="rows"),
                "second": SequenceInput(
                    kind="list",
                    items=(
                        ArtifactInput(kind="artifact", step="a", output="output_1"),
                        ConstantInput(kind="constant", value=1),
                    ),
                ),
            },
        )
    }
    graph = graph_of(deployment([a, step("b", "a", inputs=inputs), step("c", "b")]))
    assert graph.nodes[0] == GraphNode("a", ("on gpu", "no cache"), "Load.")
    assert graph.edges == (GraphEdge("a", "b", ("rows", "dict[str, int]")), GraphEdge("b", "c"))
    assert "s1 -.-> s2" in mermaid(graph)
    assert "s1 -> s2 [style=dashed]" in dot(graph)


@pytest.mark.parametrize("form", ["mermaid", "dot", "svg"])
def test_every_form_draws_a_long_and_a_wide_pipeline(form: str) -> None:
    steps = [step("s0")]
    steps += [step(f"s{number}", f"s{number - 1}", "s0") for number in range(1, 300)]
    steps += [step(f"w{number}", "s0") for number in range(300)]
    text = draw(deployment(steps), form)
    assert text.endswith("\n")
    assert text.count("w299") >= 1


@settings(max_examples=25)
@given(graphs())
def test_names_of_our_own_keep_reserved_words_out(graph: Graph) -> None:
    assert re.findall(r"^    (\w+)\[", mermaid(graph), re.MULTILINE) == [
        f"s{n}" for n in range(len(graph.nodes))
    ]
