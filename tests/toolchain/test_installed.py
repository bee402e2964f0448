import os
import sys
from pathlib import Path

import pytest

from jobgraph.toolchain import environment, errors, installed, layout, report
from jobgraph.toolchain.sources import Component, Source


def record(project: Path) -> list[Component]:
    rows = []
    for name in installed.COMPONENTS:
        path = project / "bin" / name
        path.parent.mkdir(exist_ok=True)
        path.touch()
        rows.append(Component(name, "1.0.0", path, Source.GO))
    installed.write_record(project, rows)
    return rows


def test_the_activated_shell_has_the_command_line_first_and_a_home_of_its_own(tmp_path: Path) -> None:
    record(tmp_path)

    variables = environment(tmp_path, {"PATH": "/usr/bin:/bin"})

    assert variables == {
        "PATH": f"{Path(sys.executable).parent}:{tmp_path}/bin:/usr/bin:/bin",
        "PULUMI_HOME": str(layout.private_home(tmp_path)),
        "PULUMI_SKIP_UPDATE_CHECK": "true",
    }
    assert environment(tmp_path, variables) == variables


def test_before_setup_everything_is_missing_and_the_shell_says_make_setup(tmp_path: Path) -> None:
    assert {row.source for row in report(tmp_path)} == {Source.MISSING}
    with pytest.raises(errors.NotSetUpError, match="Run `jobgraph setup`"):
        environment(tmp_path)


def test_a_part_that_is_gone_is_reported_missing(tmp_path: Path) -> None:
    rows = record(tmp_path)
    (tmp_path / "bin" / layout.LANGUAGE_HOST).unlink()

    assert [row.source for row in report(tmp_path)] == [Source.GO, Source.MISSING, Source.GO]
    assert report(tmp_path)[0] == rows[0]
    with pytest.raises(errors.NotSetUpError, match="pulumi-language-python missing"):
        environment(tmp_path)


@pytest.mark.parametrize("content", ["", "{}", "[1]", '[{"component": "pulumi"}]', "not json"])
def test_a_damaged_record_counts_as_none(content: str, tmp_path: Path) -> None:
    record(tmp_path)
    installed.record_path(layout.private_home(tmp_path)).write_text(content)

    assert {row.source for row in report(tmp_path)} == {Source.MISSING}


def test_a_path_with_nothing_of_the_users_is_still_one(tmp_path: Path) -> None:
    record(tmp_path)

    assert environment(tmp_path, {})["PATH"].endswith(os.defpath.split(os.pathsep)[-1])
