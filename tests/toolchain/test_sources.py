from pathlib import Path

import pytest

from jobgraph.toolchain.sources import (
    Component,
    Machine,
    Placement,
    Source,
    choose_command_line,
    choose_plugin,
    first_line,
)

GO = Path("/usr/local/go/bin/go")
ON_PATH = Component("pulumi", "3.100.0", Path("/usr/bin/pulumi"), Source.PATH)
CACHED = Component("pulumi", "3.250.0", Path("/cache/pulumi"), Source.GO)
REAL = Component("pulumi-resource-snowflake", "2.22.0", Path("/real"), Source.PLUGINS)
STAND_IN = Component("pulumi-resource-snowflake", "2.22.0", Path("/stand-in"), Source.STAND_IN)


@pytest.mark.parametrize(
    ("machine", "choice"),
    [
        (Machine(ON_PATH, CACHED, GO), ON_PATH),
        (Machine(ON_PATH, None, None), ON_PATH),
        (Machine(None, CACHED, GO), CACHED),
        (Machine(None, CACHED, None), CACHED),
        (Machine(None, None, GO), (Source.DOWNLOAD, Source.GO)),
        (Machine(None, None, None), (Source.DOWNLOAD,)),
    ],
)
def test_what_is_there_wins_then_the_download_then_go(machine: Machine, choice: Component | tuple[Source, ...]) -> None:
    assert choose_command_line(machine) == choice


@pytest.mark.parametrize(
    ("ambient", "elsewhere", "choice"),
    [
        (ON_PATH, REAL, (ON_PATH, Placement.NOTHING)),
        (None, REAL, (REAL, Placement.LINK)),
        (None, None, (STAND_IN, Placement.LAUNCHER)),
    ],
)
def test_a_stand_in_only_where_there_is_no_real_plugin(
    ambient: Component | None, elsewhere: Component | None, choice: tuple[Component, Placement]
) -> None:
    assert choose_plugin(ambient, elsewhere, STAND_IN) == choice


@pytest.mark.parametrize(
    ("output", "release"),
    [
        ("v3.250.0\n", "3.250.0"),
        ("v3.251.0-alpha.1\nmore\n", "3.251.0-alpha.1"),
        ("", ""),
        ("\n", ""),
        ("3.250.0\n", ""),
        ("video\n", ""),
    ],
)
def test_the_release_in_what_pulumi_version_prints(output: str, release: str) -> None:
    assert first_line(output) == release
