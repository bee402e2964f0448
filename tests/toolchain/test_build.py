from pathlib import Path

from jobgraph.toolchain import build


def test_the_users_own_settings_reach_go() -> None:
    given = {"HOME": "/h", "GOFLAGS": "-p=1", "GOPROXY": "https://proxy.example.org", "GOCACHE": "/fast"}

    environment = build.go_environment(given, Path("/cache"))

    assert given.items() <= environment.items()
    assert environment["CGO_ENABLED"] == "0"
    assert "GOPATH" not in environment


def test_without_a_home_go_gets_folders_of_ours_but_keeps_the_users() -> None:
    environment = build.go_environment({"HOME": "", "GOCACHE": "/fast"}, Path("/cache"))

    assert environment["GOCACHE"] == "/fast"
    assert environment["GOPATH"] == "/cache/go"
    assert build.go_environment({}, Path("/cache"))["GOCACHE"] == "/cache/go-build"


def test_the_build_is_pinned_and_reproducible() -> None:
    command = build.build_command(Path("go"), "3.250.0", Path("/t/pulumi"))

    assert {"-mod=readonly", "-trimpath"} <= set(command)
    assert command[command.index("-ldflags") + 1].endswith("version.Version=v3.250.0")
    assert command[-1] == "github.com/pulumi/pulumi/pkg/v3/cmd/pulumi"
