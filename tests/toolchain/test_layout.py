from importlib.metadata import requires
from pathlib import Path

import pytest
from packaging.requirements import Requirement

from jobgraph.toolchain import layout
from jobgraph.toolchain.build import check_pin
from jobgraph.toolchain.errors import PinMismatchError


def test_go_builds_the_release_that_the_package_requires() -> None:
    check_pin(layout.GO_MODULE, layout.pulumi_version())
    needed = {Requirement(text).name: Requirement(text).specifier for text in requires("jobgraph") or ()}
    for name, release in (("pulumi", layout.pulumi_version()), ("pulumi-snowflake", layout.snowflake_version())):
        assert needed[name].contains(release)
        major, minor, _ = release.split(".")
        assert not needed[name].contains(f"{major}.{int(minor) + 1}.0"), "the plugin's inputs are those of one release"


def test_another_release_in_the_go_module_is_an_error_that_says_how_to_mend_it(tmp_path: Path) -> None:
    (tmp_path / "go.mod").write_text("module x\n\nrequire (\n\tgithub.com/pulumi/pulumi/pkg/v3 v3.1.0\n)\n")

    with pytest.raises(PinMismatchError, match=r"go get github.com/pulumi/pulumi/pkg/v3@v3\.2\.0") as caught:
        check_pin(tmp_path, "3.2.0")
    assert "3.1.0" in str(caught.value)


def test_a_go_module_without_pulumi_has_no_version() -> None:
    assert not layout.module_version("module x\n")


@pytest.mark.parametrize(
    ("environment", "folder"),
    [
        ({"XDG_CACHE_HOME": "/c", "HOME": "/h"}, "/c/jobgraph"),
        ({"XDG_CACHE_HOME": "", "HOME": "/h"}, "/h/.cache/jobgraph"),
        ({"HOME": "/h"}, "/h/.cache/jobgraph"),
    ],
)
def test_cache_folder(environment: dict[str, str], folder: str) -> None:
    assert layout.cache_folder(environment) == Path(folder)


@pytest.mark.parametrize("environment", [{}, {"HOME": ""}])
def test_a_machine_without_home_has_the_users_home_of_the_system(environment: dict[str, str]) -> None:
    assert layout.home_folder(environment).is_absolute()


def test_the_folder_of_a_plugin_is_named_as_the_engine_names_it() -> None:
    assert layout.plugin_folder(Path("/p"), layout.SNOWFLAKE_PLUGIN, "2.22.0") == Path(
        "/p/plugins/resource-snowflake-v2.22.0"
    )


def test_the_snowflake_package_names_its_plugin() -> None:
    found = {package.name: package for package in layout.plugin_packages()}

    assert found["snowflake"].version == layout.snowflake_version() == "2.22.0"


def test_the_setup_is_make_s_in_the_clone_and_the_command_s_in_a_project_elsewhere(tmp_path: Path) -> None:
    assert layout.setup_command(layout.CODE) == "make setup"
    assert layout.setup_command(tmp_path) == "jobgraph setup"
