from __future__ import annotations

import subprocess
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from uv import find_uv_bin

from airflow_provider_pipes import DockerSettings
from airflow_provider_pipes.compiler.requirement_lines import logical_lines
from airflow_provider_pipes.compiler.requirements import RequirementsReader
from airflow_provider_pipes.models.deployment import PipelineConfig
from tests.project import UserProject

HASH = "sha256:" + "0" * 64


def resolved(root: Path, given: tuple[str, ...] | str) -> tuple[tuple[str, ...] | str, list[str]]:
    problems: list[str] = []
    config = PipelineConfig(name="p", source="m:f", docker_settings=DockerSettings(requirements=given))
    found = RequirementsReader(root, problems).pipeline(config).docker_settings.requirements
    return found, [each.removeprefix("pipeline 'p', docker, requirements: ") for each in problems]


def lines(root: Path, given: tuple[str, ...] | str) -> tuple[str, ...] | str:
    found, problems = resolved(root, given)
    assert problems == []
    return found


def test_specifiers_come_in_one_form(tmp_path: Path) -> None:
    assert lines(tmp_path, ("Pandas >= 2.2", "six", "six", "a [x,b] ; python_version < '4'")) == (
        "Pandas>=2.2",
        "six",
        'a[b,x] ; python_version < "4"',
    )


def test_a_file_is_read_with_those_that_it_names(tmp_path: Path) -> None:
    (tmp_path / "requirements").mkdir()
    (tmp_path / "requirements" / "base.txt").write_text(
        f"# all of it\nsix==1.16.0 \\\n    --hash={HASH}  # pinned\n-c limits.txt\n--require-hashes\n"
    )
    (tmp_path / "requirements" / "limits.txt").write_text("idna<4\n")
    (tmp_path / "all.txt").write_text("-r requirements/base.txt\nnumpy\n")
    assert lines(tmp_path, "all.txt") == (f"six==1.16.0 --hash={HASH}", "-c idna<4", "numpy")


def test_what_is_resolved_stays_as_it_is(tmp_path: Path) -> None:
    once = (f"six==1.16.0 --hash={HASH}", "-c idna<4", 'a[b,x] ; python_version < "4"')
    assert lines(tmp_path, once) == once


def test_our_own_package_is_left_out_since_the_image_has_it(tmp_path: Path) -> None:
    assert lines(tmp_path, ("airflow_provider_pipes[s3]>=0.1", "six")) == ("six",)


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("--index-url https://joe:s3cr3t@host/simple", "--index-url has no place in the deployment"),
        ("--extra-index-url=https://joe:s3cr3t@host/simple", "set PIP_INDEX_URL or UV_DEFAULT_INDEX"),
        ("pkg @ https://joe:s3cr3t@host/pkg.whl", "'pkg' is a URL with a login"),
        ("pkg @ git+https://s3cr3t@host/pkg", "'pkg' is a URL with a login"),
        ("https://joe:s3cr3t@host/pkg.whl", "a requirement is a URL with a login"),
        ("-e .", "installs from this machine, which the image does not have"),
        ("./wheels/a.whl", "installs from this machine"),
        ("pkg @ file:///tmp/a.whl", "'pkg' is a file of this machine"),
        ("six=1", "'six=1' is no requirement"),
        ("--pre", "--pre is not understood here; remove it"),
        ("-r nowhere.txt", "nowhere.txt can't be read: No such file or directory"),
        ("-r ../other.txt", "../other.txt is outside the project"),
        ("-r all.txt", "all.txt names itself by way of all.txt"),
    ],
)
def test_a_line_that_can_not_be_is_told_with_its_place(tmp_path: Path, line: str, message: str) -> None:
    (tmp_path / "all.txt").write_text(f"six\n{line}\n")
    found, (problem,) = resolved(tmp_path, "all.txt")
    assert message in problem
    assert "s3cr3t" not in problem
    assert problem.startswith("all.txt:2: ") or "-r" in line
    assert found == ("six",)


def test_a_url_by_ssh_has_no_secret_in_it(tmp_path: Path) -> None:
    line = "pkg @ git+ssh://git@github.com/team/pkg@v1"
    assert lines(tmp_path, (line,)) == (line,)


def test_all_problems_are_told_and_each_once(project: UserProject) -> None:
    project.pipeline("""
        @step(docker=DockerSettings(requirements=["six=1", "-e ."]))
        def one() -> int: return 1

        @step(docker=DockerSettings(requirements=["six=1", "-e ."]))
        def two() -> int: return 1

        @step(docker=DockerSettings(requirements="nowhere.txt"))
        def three() -> int: return 1

        @pipeline
        def p():
            one(), two(), three()
    """)
    first, second, third = project.problems()
    assert first.startswith("step 'one', docker, requirements: 'six=1' is no requirement")
    assert second.startswith("step 'one', docker, requirements: '-e .' installs")
    assert third.startswith("step 'three', docker, requirements: there is no file 'nowhere.txt'")


def test_the_contents_of_a_file_count_and_not_its_name(project: UserProject) -> None:
    def compiled(file: str, text: str) -> str:
        project.write(file, text)
        project.pipeline(f"""
            @step(docker=DockerSettings(requirements={file!r}))
            def one() -> int: return 1

            @pipeline
            def p():
                one()
        """)
        return project.deployment().model_dump_json(include={"step_specs", "pipeline"})

    first = compiled("a.txt", "six==1.16.0\n")
    assert "six==1.16.0" in first
    assert "a.txt" not in first
    assert compiled("a.txt", "six==1.17.0\n") != first


def test_a_name_in_place_of_a_file_is_understood(tmp_path: Path) -> None:
    _, (problem,) = resolved(tmp_path, "pandas")
    assert problem.endswith("to name a package, give a list: requirements=['pandas']")


def test_the_first_lock_that_there_is_counts(tmp_path: Path) -> None:
    (tmp_path / "requirements.txt").write_text("six==1.15.0\n")
    assert lines(tmp_path, "lock") == ("six==1.15.0",)
    (tmp_path / "requirements.lock").write_text("six==1.16.0\n")
    assert lines(tmp_path, "lock") == ("six==1.16.0",)
    (tmp_path / "pylock.toml").write_text(
        'lock-version = "1.0"\n[[packages]]\nname = "six"\nversion = "1.17.0"\n'
        "marker = \"python_version < '4'\"\n"
        f'wheels = [{{name = "six.whl", hashes = {{sha256 = "{"0" * 64}"}}}}]\n'
        '[[packages]]\nname = "b"\nvcs = {type = "git", url = "https://h/b", commit-id = "abc"}\n'
    )
    assert lines(tmp_path, "lock") == (
        f'six==1.17.0 ; python_version < "4" --hash={HASH}',
        "b @ git+https://h/b@abc",
    )


def test_a_missing_lock_is_told_with_what_there_may_be(tmp_path: Path) -> None:
    (tmp_path / "poetry.lock").touch()
    _, (problem,) = resolved(tmp_path, "lock")
    assert "expected one of pylock.toml, uv.lock, requirements.lock, requirements.txt" in problem
    assert problem.endswith("write requirements.lock from poetry.lock by `poetry export`")


def test_a_package_of_a_lock_that_is_a_folder_is_told(tmp_path: Path) -> None:
    (tmp_path / "pylock.toml").write_text('[[packages]]\nname = "own"\ndirectory = {path = "."}\n')
    _, (problem,) = resolved(tmp_path, "lock")
    assert problem.startswith("pylock.toml: 'own' is a folder or file of this machine")


def test_the_lock_of_uv_is_read_by_uv(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "uv.lock").write_text("version = 1\n")
    monkeypatch.setattr("airflow_provider_pipes.compiler.requirement_locks._uv", lambda: None)
    _, (problem,) = resolved(tmp_path, "lock")
    assert "there is no uv here; install it, or write requirements.lock" in problem


def test_uv_leaves_out_our_own_package_and_what_only_it_needs(tmp_path: Path) -> None:
    (tmp_path / "own").mkdir()
    (tmp_path / "own" / "pyproject.toml").write_text(
        '[project]\nname = "airflow-provider-pipes"\nversion = "9"\ndependencies = ["idna==3.7"]\n'
    )
    (tmp_path / "pyproject.toml").write_text(
        '[project]\nname = "demo"\nversion = "1"\nrequires-python = ">=3.11"\n'
        'dependencies = ["six==1.16.0", "airflow-provider-pipes"]\n'
        '[tool.uv.sources]\nairflow-provider-pipes = {path = "own"}\n'
    )
    subprocess.run([find_uv_bin(), "lock", "--quiet"], cwd=tmp_path, check=True)
    found = lines(tmp_path, "lock")
    assert len(found) == 1
    assert found[0].startswith("six==1.16.0 --hash=sha256:")


@given(
    st.lists(st.from_regex(r"\A[a-z]{1,9}(==[0-9]\.[0-9])?\Z"), min_size=1),
    st.sampled_from([" \\\n", "\n\n", "\n# c\n"]),
)
def test_comments_and_continued_lines_change_nothing(names: list[str], between: str) -> None:
    text = between.join(names) if "\\" not in between else "".join(f"{name} \\\n\n" for name in names)
    assert [line for _, line in logical_lines(text)] == names
