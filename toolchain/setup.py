"""Installs `pulumi`, the Python language host and the Snowflake plugin; running it again changes nothing.

Knows the steps and their order, and prevents two setups from running at once. sources.py decides what to prefer.
"""

import fcntl
import os
import shutil
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from jobgraph.toolchain import build, download, installed, launchers, layout, machine
from jobgraph.toolchain.errors import NoCommandLineError, NotWritableError, WrongVersionError
from jobgraph.toolchain.progress import Reporter
from jobgraph.toolchain.sources import Component, Machine, Placement, Source, choose_command_line, choose_plugin

_PROVIDER = "jobgraph.toolchain.standins.provider"


@dataclass(frozen=True)
class Setup:
    """The setup of a project.

    Attributes:
        project: The project's folder.
        search: The PATH on which to search.
        cache: The folder that all projects of a user share.
        reporter: Shows the progress.
    """

    project: Path
    search: str
    cache: Path
    reporter: Reporter

    def run(self) -> list[Component]:
        """Do every necessary step, and return the parts that are used from now on.

        Raises:
            ToolchainError: If a part cannot be obtained or written; the text says what to do.
        """
        command_line = self._command_line()
        components = [command_line, self._language_host(command_line), self._snowflake_plugin()]
        installed.write_record(self.project, components)
        return components

    @property
    def _home(self) -> Path:
        return layout.private_home(self.project)

    def _command_line(self) -> Component:
        on_path, broken = machine.command_line_on_path(self.search, self.cache)
        if broken:
            self.reporter.note(f"{broken} does not answer `pulumi version` with a release, so it is ignored.")
        if on_path:
            return on_path
        with _lock(self.cache / f"pulumi-{layout.pulumi_version()}.lock", self.reporter):
            cached = machine.cached_command_line(self.cache)  # only now: another setup may just have installed it
            choice = choose_command_line(Machine(on_path, cached, machine.find_go(self.search)))
            return choice if isinstance(choice, Component) else self._install_command_line(choice)

    def _install_command_line(self, ways: Sequence[Source]) -> Component:
        attempts = [] if Source.GO in ways else ["Go: there is no `go` on the PATH nor in /usr/local/go/bin"]
        makers: dict[Source, Callable[[Path], None]] = {Source.DOWNLOAD: self._download_cli, Source.GO: self._build_cli}
        for way in ways:
            try:
                with _published(machine.cached_folder(self.cache)) as folder:
                    makers[way](folder)
                    _verify(folder / "bin" / "pulumi")
            except download.NoDownloadError as error:
                attempts.insert(0, f"the official download: {error}")
                self.reporter.note(f"No official download of the Pulumi command line ({error}).")
            else:
                return Component(
                    "pulumi", layout.pulumi_version(), machine.cached_folder(self.cache) / "bin/pulumi", way
                )
        raise NoCommandLineError(layout.pulumi_version(), attempts)

    def _download_cli(self, folder: Path) -> None:
        url = download.command_line_url(layout.pulumi_version(), *download.this_machine())
        (folder / "bin").mkdir()
        with self.reporter.step("Downloading the official Pulumi command line") as step:
            download.fetch(url, folder / "bin", step, download.command_line_checksums_url(layout.pulumi_version()))

    def _build_cli(self, folder: Path) -> None:
        go = machine.find_go(self.search)
        if go:
            self.reporter.note(
                "Go builds it from its module instead: once for this user, about four minutes on two cores."
            )
            build.build(go, folder / "bin" / "pulumi", self.cache, self.reporter)

    def _language_host(self, command_line: Component) -> Component:
        name, release = layout.LANGUAGE_HOST, layout.pulumi_version()
        ambient = machine.on_path(name, self.search) or machine.beside(command_line)
        return self._plugin(
            name, release, "jobgraph.toolchain.standins.language_host", ambient, self._users_plugin(name, release)
        )

    def _snowflake_plugin(self) -> Component:
        name, release = layout.SNOWFLAKE_PLUGIN, layout.snowflake_version()
        path = layout.plugin_folder(self._home, name, release) / name
        ambient = machine.on_path(name, self.search)
        if os.environ.get(layout.PLUGIN_VARIABLE) == Source.STAND_IN.value and not ambient:
            return self._plugin(name, release, _PROVIDER, None, None)
        if not ambient and path.exists() and not path.is_symlink() and not launchers.is_launcher(path):
            return Component(name, release, path, Source.DOWNLOAD)  # the engine itself installed it
        elsewhere = None if ambient else self._users_plugin(name, release) or self._downloaded_plugin(name, release)
        return self._plugin(name, release, _PROVIDER, ambient, elsewhere)

    def _users_plugin(self, name: str, release: str) -> Component | None:
        return machine.in_plugins(machine.user_homes(os.environ, self._home), name, release)

    def _downloaded_plugin(self, name: str, release: str) -> Component | None:
        target = self.cache / f"{name.removeprefix('pulumi-')}-{release}"
        with _lock(self.cache / f"{target.name}.lock", self.reporter):
            if not (target / name).exists():
                url = download.plugin_url(name, release, *download.this_machine())
                try:
                    with _published(target) as folder, self.reporter.step(f"Downloading the official {name}") as step:
                        download.fetch(url, folder, step, download.plugin_checksums_url(name, release))
                except download.NoDownloadError as error:
                    unavailable = f"No official download of {name} ({error})"
                    self.reporter.note(f"{unavailable}; the stand-in of this project is used.")
                    return None
        return Component(name, release, target / name, Source.DOWNLOAD)

    def _plugin(
        self, name: str, release: str, module: str, ambient: Component | None, elsewhere: Component | None
    ) -> Component:
        path = layout.plugin_folder(self._home, name, release) / name
        stand_in = Component(name, release, path, Source.STAND_IN)
        chosen, placement = choose_plugin(ambient, elsewhere, stand_in)
        if placement is Placement.LAUNCHER:
            launcher = launchers.Launcher(module, Path(sys.executable), layout.CODE, self.project)
            launchers.install_launcher(path, launcher.text())
        elif placement is Placement.LINK and chosen.path:
            launchers.install_link(path, chosen.path)
        else:
            launchers.remove_plugin(path.parent)
        return chosen


def set_up(project: Path) -> list[Component]:
    """Install `pulumi` and its plugins for a project, with progress on standard error; safe to run again.

    Raises:
        ToolchainError: If a part cannot be obtained or written; the text says what to do.
    """
    search = os.environ.get("PATH", os.defpath)
    return Setup(project.resolve(), search, layout.cache_folder(), Reporter(time.monotonic)).run()


def _verify(path: Path) -> None:
    answer = machine.ask_version(path)
    if answer != layout.pulumi_version():
        raise WrongVersionError(path, layout.pulumi_version(), answer)


@contextmanager
def _published(folder: Path) -> Iterator[Path]:
    """Yield a new folder, which replaces the named one only if the block succeeds."""
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        new = Path(tempfile.mkdtemp(dir=folder.parent, prefix=f"{folder.name}.new-"))
    except OSError as error:
        raise NotWritableError(folder.parent, error.strerror or str(error)) from error
    try:
        new.chmod(0o755)
        yield new
        shutil.rmtree(folder, ignore_errors=True)  # a command line that gave a wrong answer
        new.rename(folder)
    finally:
        shutil.rmtree(new, ignore_errors=True)


@contextmanager
def _lock(path: Path, reporter: Reporter) -> Iterator[None]:
    """Allow one setup at a time; the system releases the lock when its holder dies."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        file = path.open("w")
    except OSError as error:
        raise NotWritableError(path.parent, error.strerror or str(error)) from error
    with file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            reporter.note("Another setup is installing the same; waiting for it to end.")
            fcntl.flock(file, fcntl.LOCK_EX)
        yield
