"""The language host under the real engine, with programs that need no provider."""

import json
import os
import select
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from jobgraph.toolchain import environment, errors, launchers, layout

pytestmark = pytest.mark.engine

SECONDS = 120
"""Far above what any of these runs takes; a hang must not last for ever."""

TINY = """
import pulumi

class Widget(pulumi.ComponentResource):
    def __init__(self, name):
        super().__init__("test:index:Widget", name)
        self.register_outputs({})

print("printed by the program")
Widget("one")
config = pulumi.Config()
pulumi.export("size", config.require_int("size"))
pulumi.export("hidden", config.require_secret("hidden"))
pulumi.export("doubled", pulumi.Output.from_input(config.require_int("size")).apply(lambda size: size * 2))
pulumi.export("where", [pulumi.get_project(), pulumi.get_stack(), pulumi.get_organization()])
"""


@dataclass(frozen=True)
class Project:
    """A Pulumi project with a stack `dev` in a file backend of its own."""

    folder: Path
    variables: dict[str, str]

    def program(self, source: str) -> None:
        (self.folder / "__main__.py").write_text(source, encoding="utf-8")

    def run(self, *arguments: str, exit_code: int = 0) -> str:
        """Run `pulumi`; all that it printed."""
        done = subprocess.run(
            ["pulumi", *arguments, "--non-interactive"],
            cwd=self.folder,
            env=self.variables,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=SECONDS,
            check=False,
        )
        assert done.returncode == exit_code, done.stdout
        return done.stdout


@pytest.fixture(scope="session")
def command_line(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a `pulumi` with no official language host beside it, which the engine would prefer to ours."""
    try:
        search = environment(layout.CODE)["PATH"]
    except errors.NotSetUpError as error:
        pytest.fail(f"These tests run the real engine, and it is not there. {error}")
    found = shutil.which("pulumi", path=search)
    assert found
    if not (Path(found).resolve().parent / layout.LANGUAGE_HOST).exists():
        return Path(found).parent
    folder = tmp_path_factory.mktemp("pulumi")
    shutil.copy(found, folder / "pulumi")
    return folder


@pytest.fixture(scope="session")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A PULUMI_HOME with nothing in it but our language host."""
    home = tmp_path_factory.mktemp("pulumi-home")
    folder = layout.plugin_folder(home, layout.LANGUAGE_HOST, layout.pulumi_version())
    launcher = launchers.Launcher(
        "jobgraph.toolchain.standins.language_host", Path(sys.executable), layout.CODE, layout.CODE
    )
    launchers.install_launcher(folder / layout.LANGUAGE_HOST, launcher.text())
    # A package that is installed names its plugin, so the engine wants it, though no program here starts it.
    snowflake = layout.plugin_folder(home, layout.SNOWFLAKE_PLUGIN, layout.snowflake_version())
    launchers.install_launcher(snowflake / layout.SNOWFLAKE_PLUGIN, "#!/bin/sh\nexit 1\n")
    return home


@pytest.fixture
def project(tmp_path: Path, home: Path, command_line: Path) -> Project:
    folder = tmp_path / "project"
    folder.mkdir()
    (folder / "Pulumi.yaml").write_text("name: tiny\nruntime: python\n")
    (tmp_path / "state").mkdir()
    variables = {
        "PATH": os.pathsep.join([str(command_line), "/usr/bin", "/bin"]),
        "HOME": str(tmp_path),
        "PULUMI_HOME": str(home),
        "PULUMI_SKIP_UPDATE_CHECK": "true",
        "PULUMI_BACKEND_URL": f"file://{tmp_path}/state",
        "PULUMI_CONFIG_PASSPHRASE": "made up for this test",
        "NO_COLOR": "1",
    }
    made = Project(folder, variables)
    made.run("stack", "init", "dev")
    return made


def test_a_stack_lives_from_preview_to_destroy_without_a_warning(project: Project) -> None:
    project.program(TINY)
    project.run("config", "set", "size", "21")
    project.run("config", "set", "--secret", "hidden", "a-secret")

    printed = [project.run("preview"), project.run("up", "--yes"), project.run("preview", "--expect-no-changes")]
    outputs = json.loads(project.run("stack", "output", "--json"))
    printed += [project.run("refresh", "--yes"), project.run("destroy", "--yes")]

    assert outputs == {"size": 21, "hidden": "[secret]", "doubled": 42, "where": ["tiny", "dev", "organization"]}
    assert json.loads(project.run("stack", "export"))["deployment"].get("resources", []) == []
    assert "printed by the program" in printed[0]
    assert "a-secret" not in "".join(printed)
    for output in printed:
        assert f"stand-in for pulumi-language-python {layout.pulumi_version()}" in output.partition("Diagnostics:")[2]
        assert "warning" not in output.lower()
        assert "error" not in output.lower()


def test_a_bug_in_the_program_shows_its_lines_once_and_none_of_ours(project: Project) -> None:
    (project.folder / "beside.py").write_text("def look(key):\n    return {}[key]\n")
    project.program("import beside\nbeside.look('colour')\n")

    output = project.run("preview", exit_code=1)

    assert output.count("KeyError: 'colour'") == 1
    assert f'File "{project.folder}/__main__.py", line 2, in <module>' in output
    assert f'File "{project.folder}/beside.py", line 2, in look' in output
    assert output.count('File "') == 2


def test_a_failure_in_an_output_is_the_programs_failure_too(project: Project) -> None:
    project.program("import pulumi\npulumi.Output.from_input('a').apply(lambda value: {}[value])\n")

    output = project.run("preview", exit_code=1)

    assert output.count("KeyError: 'a'") == 1
    assert "line 2, in <lambda>" in output
    assert output.count('File "') == 1


@pytest.mark.parametrize(
    "ending", ["raise pulumi.RunError('line one\\n  line two')", "raise SystemExit('line one\\n  line two')"]
)
def test_a_message_to_the_user_stands_alone(ending: str, project: Project) -> None:
    project.program(f"import pulumi\n{ending}\n")

    output = project.run("preview", exit_code=1)

    assert "error: line one\n      line two\n" in output.partition("Diagnostics:")[2]
    assert "Traceback" not in output
    assert "unhandled" not in output


def test_a_missing_program_is_named(project: Project) -> None:
    output = project.run("preview", exit_code=1)

    assert f"{project.folder}/__main__.py does not exist" in output


def test_about_and_install_have_nothing_to_warn_of(project: Project) -> None:
    project.program(TINY)

    about = project.run("about")

    assert f"executable='{sys.executable}'" in about
    assert "jobgraph" in about.partition("Dependencies:")[2]
    assert "warning" not in about.lower()
    assert "Nothing to install" in project.run("install")


def test_a_launcher_whose_python_is_gone_says_make_setup(project: Project, tmp_path: Path) -> None:
    project.program(TINY)
    home = tmp_path / "other-home"
    folder = layout.plugin_folder(home, layout.LANGUAGE_HOST, layout.pulumi_version())
    launcher = launchers.Launcher(
        "jobgraph.toolchain.standins.language_host", tmp_path / "gone" / "python", layout.CODE, project.folder
    )
    launchers.install_launcher(folder / layout.LANGUAGE_HOST, launcher.text())
    broken = Project(project.folder, project.variables | {"PULUMI_HOME": str(home)})

    assert f"{tmp_path}/gone/python is gone: run `jobgraph setup`" in broken.run(
        "preview", "--stack", "dev", exit_code=1
    )


@pytest.fixture
def lifeline(tmp_path: Path) -> Iterator[Path]:
    """A named pipe that a program opens to write to; its reader sees the end of it when the program's process ends."""
    path = tmp_path / "lifeline"
    os.mkfifo(path)
    yield path
    path.unlink()


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
def test_the_host_ends_with_the_engine_even_in_the_middle_of_a_program(
    number: signal.Signals, project: Project, lifeline: Path
) -> None:
    project.program(
        f"import threading\nlifeline = open({str(lifeline)!r}, 'w')\nprint('started', file=lifeline, flush=True)\n"
        "threading.Event().wait()\n"
    )
    reader = os.open(lifeline, os.O_RDONLY | os.O_NONBLOCK)
    with subprocess.Popen(
        ["pulumi", "preview", "--non-interactive"],
        cwd=project.folder,
        env=project.variables,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    ) as engine:
        started = heard(reader)
        engine.send_signal(number)
        ended = heard(reader)
    os.close(reader)

    assert (started, ended) == (b"started\n", b""), "the program did not start, or the host outlived the engine"


def heard(reader: int) -> bytes | None:
    """What a pipe's writer said next; nothing when it has ended, None when it stayed silent."""
    return os.read(reader, 100) if select.select([reader], [], [], SECONDS)[0] else None
