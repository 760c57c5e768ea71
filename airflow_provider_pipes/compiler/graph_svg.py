"""The graph of a pipeline as an SVG picture, readable on light and on dark pages."""

from __future__ import annotations

import re
import unicodedata
from xml.sax.saxutils import escape, quoteattr

from airflow_provider_pipes.compiler.graph import Graph, GraphEdge, GraphNode
from airflow_provider_pipes.compiler.graph_layout import Layout, Line, Place, Size, arrange

_MARGIN = 20.0
_NAME_SIZE = 14.0
_SMALL_SIZE = 11.0
_PADDING = 18.0
_NAME_LENGTH = 48
_ARROW = 8
_SNAP = 6.0

# No custom properties, which many viewers of SVG do not know.
_STYLE = """\
    text { font-family: system-ui, -apple-system, "Segoe UI", "DejaVu Sans", Helvetica, Arial, sans-serif; }
    .page { fill: #ffffff; }
    .box { fill: #f1f6fd; stroke: #6c93c7; stroke-width: 1.25; }
    .uncached { stroke-dasharray: 5 3; }
    .name { fill: #1b2733; font-size: 14px; font-weight: 600; text-anchor: middle; }
    .note { fill: #5a6878; font-size: 11px; text-anchor: middle; }
    .line { fill: none; stroke: #8896a6; stroke-width: 1.25; }
    .order { stroke-dasharray: 4 4; }
    .tip { fill: #8896a6; }
    .back { fill: #ffffff; }
    .label { fill: #425164; font-size: 11px; text-anchor: middle; }
    @media (prefers-color-scheme: dark) {
      .page, .back { fill: #0d1117; }
      .box { fill: #152238; stroke: #4f7ab8; }
      .name { fill: #e8eef5; }
      .note { fill: #9aa8b8; }
      .line { stroke: #6b7888; }
      .tip { fill: #6b7888; }
      .label { fill: #aebac8; }
    }
"""

# XML has no way to write these, not even as character references.
_NOT_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_NARROW, _WIDE = frozenset("fijlrtI.,:;'|!()[]{} -"), frozenset("mwMW@%…")


def svg(graph: Graph) -> str:
    """Return an SVG document."""
    index = {node.name: place for place, node in enumerate(graph.nodes)}
    sizes = [_box_size(node) for node in graph.nodes]
    lines = [Line(index[edge.source], index[edge.target], _label_size(edge)) for edge in graph.edges]
    layout = arrange(sizes, lines)
    width, height = layout.size.width + 2 * _MARGIN, layout.size.height + 2 * _MARGIN
    extent = f'width="{_number(width)}" height="{_number(height)}"'
    view = f'viewBox="0 0 {_number(width)} {_number(height)}" role="img" aria-label={_attribute(graph.name)}'
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" {extent} {view}>',
        f"  <title>{_text(graph.name)}</title>",
        f"  <style>\n{_STYLE}  </style>",
        '  <rect class="page" width="100%" height="100%" rx="8"/>',
        f'  <g transform="translate({_number(_MARGIN)} {_number(_MARGIN)})">',
    ]
    for number, edge in enumerate(graph.edges):
        parts += _edge(edge, layout, number, lines[number])
    for number, edge in enumerate(graph.edges):
        parts += _edge_label(edge, layout, number)
    for node, place in zip(graph.nodes, layout.nodes, strict=True):
        parts += _node(node, place)
    return "\n".join([*parts, "  </g>", "</svg>"]) + "\n"


def _box_size(node: GraphNode) -> Size:
    width = max(
        text_width(_shown_name(node), _NAME_SIZE) * 1.06,  # set in bold
        text_width(_shown_notes(node), _SMALL_SIZE),
    )
    return Size(max(72.0, round(width + 2 * _PADDING)), 52.0 if node.notes else 40.0)


def _label_size(edge: GraphEdge) -> Size | None:
    return Size(round(text_width(edge.label, _SMALL_SIZE) + 12), 18.0) if edge.label else None


def _shown_name(node: GraphNode) -> str:
    return node.name if len(node.name) <= _NAME_LENGTH else f"{node.name[: _NAME_LENGTH - 1]}…"


def _shown_notes(node: GraphNode) -> str:
    return " · ".join(node.notes)


def _node(node: GraphNode, place: Place) -> list[str]:
    style = "box uncached" if "no cache" in node.notes else "box"
    told = f"{node.name}: {node.doc}" if node.doc else node.name
    parts = [
        f'    <g transform="translate({_number(place.x)} {_number(place.y)})">',
        f"      <title>{_text(told)}</title>",
        f'      <rect class="{style}" {_around(Place(0, 0, place.size))} rx="8"/>',
        f'      <text class="name" y="{-3 if node.notes else 5}">{_text(_shown_name(node))}</text>',
    ]
    if node.notes:
        parts.append(f'      <text class="note" y="14">{_text(_shown_notes(node))}</text>')
    return [*parts, "    </g>"]


def _edge(edge: GraphEdge, layout: Layout, number: int, line: Line) -> list[str]:
    source, target = layout.nodes[line.source], layout.nodes[line.target]
    (x, entry), y = layout.ports[number], source.y + source.size.height / 2
    tip = target.y - target.size.height / 2
    path = f"M{_number(x)} {_number(y)}"
    for place in layout.routes[number]:
        to = _snapped(x, place.x)
        path += _curve(x, y, to, place.y - place.size.height / 2)
        x, y = to, place.y + place.size.height / 2
        path += f"V{_number(y)}" if place.size.height else ""
    entry = _snapped(x, entry)
    path += _curve(x, y, entry, tip - _ARROW)
    style = "line" if edge.label else "line order"
    arrow = f"M{_number(entry)} {_number(tip)}l-4 -{_ARROW}h8z"
    return [f'    <path class="{style}" d="{path}"/>', f'    <path class="tip" d="{arrow}"/>']


def _snapped(x: float, to_x: float) -> float:
    # A bend as small as this looks like a mistake.
    return x if abs(x - to_x) < _SNAP else to_x


def _curve(x: float, y: float, to_x: float, to_y: float) -> str:
    if x == to_x:
        return f"V{_number(to_y)}"
    middle = (y + to_y) / 2
    numbers = (x, middle, to_x, middle, to_x, to_y)
    return "C" + " ".join(_number(number) for number in numbers)


def _edge_label(edge: GraphEdge, layout: Layout, number: int) -> list[str]:
    at = layout.labels[number]
    if at is None:
        return []
    place = layout.routes[number][at]
    x, y = _number(place.x), _number(place.y + 4)
    return [
        f'    <rect class="back" {_around(place)}/>',
        f'    <text class="label" x="{x}" y="{y}">{_text(edge.label)}</text>',
    ]


def _around(place: Place) -> str:
    width, height = place.size.width, place.size.height
    corner = f'x="{_number(place.x - width / 2)}" y="{_number(place.y - height / 2)}"'
    return f'{corner} width="{_number(width)}" height="{_number(height)}"'


def text_width(text: str, font_size: float) -> float:
    """Return about how wide a text is in a common sans-serif font, rather too wide than too narrow."""
    return sum(map(_em, text)) * font_size


def _em(character: str) -> float:
    if unicodedata.combining(character):
        return 0.0
    if unicodedata.east_asian_width(character) in "WF":
        return 1.05
    if character in _NARROW:
        return 0.38
    return 0.9 if character in _WIDE else 0.72 if character.isupper() else 0.61


def _number(value: float) -> str:
    return f"{value:.1f}".removesuffix(".0")


def _text(text: str) -> str:
    return escape(_NOT_XML.sub("\ufffd", text))


def _attribute(text: str) -> str:
    return quoteattr(_NOT_XML.sub("\ufffd", text))
