import os
import subprocess
import sys
from pathlib import Path

from jobgraph.toolchain import launchers, layout


def launch(launcher: launchers.Launcher, folder: Path, **variables: str) -> subprocess.CompletedProcess[str]:
    path = folder / "launch me"
    launchers.install_launcher(path, launcher.text())
    environment = os.environ | variables
    return subprocess.run([path, "--help"], cwd=folder, env=environment, capture_output=True, text=True, check=False)


def test_it_starts_the_module_from_any_folder_and_leaves_pythonpath_alone(tmp_path: Path) -> None:
    (tmp_path / "jobgraph.py").write_text("raise SystemExit('the wrong jobgraph')")
    code = tmp_path / "it's code"
    code.mkdir()
    (code / "stand_in.py").write_text(
        "import os, sys; print(os.environ['PYTHONPATH'], sys.argv[1:], __name__, '' in sys.path, os.getcwd())"
    )

    done = launch(launchers.Launcher("stand_in", Path(sys.executable), code, tmp_path), tmp_path, PYTHONPATH="/own")

    assert done.stderr == ""
    assert done.stdout == f"/own ['--help'] __main__ False {tmp_path}\n"


def test_the_language_host_starts_by_its_launcher(tmp_path: Path) -> None:
    done = launch(
        launchers.Launcher("jobgraph.toolchain.standins.language_host", Path(sys.executable), layout.CODE, tmp_path),
        tmp_path,
    )

    assert done.returncode == 0, done.stderr
    assert "engine_address" in done.stdout


def test_a_virtual_environment_that_is_gone_is_named_with_the_remedy(tmp_path: Path) -> None:
    done = launch(launchers.Launcher("any", tmp_path / "gone" / "python", Path("/code"), Path("/project")), tmp_path)

    assert done.returncode == 127
    assert done.stderr == f"{tmp_path}/gone/python is gone: run `jobgraph setup` in /project\n"


def test_a_launcher_is_told_from_a_real_plugin(tmp_path: Path) -> None:
    ours, real = tmp_path / "ours", tmp_path / "real"
    launchers.install_launcher(ours, launchers.Launcher("m", Path("/p"), Path("/c"), Path("/project")).text())
    real.write_bytes(b"\x7fELF" + b"\0" * 200)

    assert launchers.is_launcher(ours)
    assert not launchers.is_launcher(real)
    assert not launchers.is_launcher(tmp_path / "none")


def test_a_real_plugins_folder_is_never_removed(tmp_path: Path) -> None:
    (tmp_path / "plugin").mkdir()
    (tmp_path / "plugin" / "real").write_bytes(b"\x7fELF")

    launchers.remove_plugin(tmp_path / "plugin")

    assert (tmp_path / "plugin" / "real").exists()
