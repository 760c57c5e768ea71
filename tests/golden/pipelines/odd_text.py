"""Text that means something to Python, Jinja, a shell or Markdown, wherever a user can write some."""

from airflow_provider_pipes import pipeline, step

ODD = 'quotes \' " \'\'\' """, back\\slash \\N{BULLET} \\x00, {{ 7 * 7 }} {% raw %} {# x #}, {braces} %s $(id) `id`\r\n\t# noqa'


@step(name="Größe-1.0_漢字")
def one(text: str, values: dict) -> None:
    r"""Ends like a file: \N{BULLET} {{ ti }} '''quoted''' \"""double\""" notes.md"""


@step(name="class")
def keyword() -> None:
    """A step whose name is a keyword of Python."""


@step(name="DAG")
def shadow() -> None:
    """A step whose name is one that the file imports."""


@pipeline(name="odd.text-1", description=ODD, tags=["{{ tag }}", "it's", "🚀 run.sh"], queue="{{ queue }}")
def odd_text(text: str = ODD, script: str = "run.sh", page: str = "notes.md", emoji: str = "🚀\u2028\u202e"):
    r"""{{ dag.dag_id }} and \"""quotes\""", 'single', \back\slash.

    <script>alert(1)</script> ends as a file name does: README.md
    """
    shadow.after(keyword.after(one(text, {ODD: [script, ODD]}))())()
    one(page, {"b": emoji, "a": "\ud800"})
