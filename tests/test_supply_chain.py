"""What is run that others made: pinned, verified, of licences that may be, and no secret where it is not used."""

from __future__ import annotations

import re
import subprocess
from importlib.metadata import PackageNotFoundError, metadata
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).resolve().parent.parent
WORKFLOWS = sorted([*(ROOT / ".github").rglob("*.yml"), *(ROOT / "jobgraph" / "template").rglob("*.yml")])
workflows = pytest.mark.parametrize("file", WORKFLOWS, ids=lambda path: str(path.relative_to(ROOT)))
SECRET = re.compile(r"\bsecrets\.\w+")
# Licences that let a project of ours use what has them, as part of what each package's metadata says.
ALLOWED = re.compile(r"MIT|Apache|BSD|ISC|PSF|Python Software|MPL|Mozilla|0BSD|CC0|Unlicense|Zlib|HPND|WTFPL")
# Others, with the reason.
EXCEPTIONS = {
    "igraph": "GPL-2.0-or-later: imported for the layout of pictures, installed from its own package, not distributed",
}


def jobs(file: Path) -> dict[str, dict[str, Any]]:
    """The jobs of a workflow."""
    content: dict[str, dict[str, Any]] = yaml.safe_load(file.read_text("utf-8"))["jobs"]
    return content


@workflows
def test_actions_are_pinned_by_digest_and_the_release_is_named(file: Path) -> None:
    used = re.findall(r"uses: (\S+)(.*)$", file.read_text("utf-8"), re.MULTILINE)
    assert used
    assert [name for name, rest in used if not re.search(r"@[0-9a-f]{40}$", name) or " # v" not in rest] == []


@workflows
def test_a_secret_is_in_the_environment_of_the_steps_that_use_it_alone(file: Path) -> None:
    for name, job in jobs(file).items():
        steps = [step for step in job["steps"] if SECRET.search(str(step.get("env", "")))]
        assert not SECRET.search(str({key: value for key, value in job.items() if key != "steps"})), name
        assert not any(SECRET.search(str({**step, "env": ""})) for step in job["steps"]), name
        assert not steps or job.get("environment"), f"{name}: its secrets are not behind a protected environment"


@workflows
def test_who_can_be_vouched_for_is_behind_a_protected_environment(file: Path) -> None:
    content = yaml.safe_load(file.read_text("utf-8"))
    assert "id-token" not in content.get("permissions", {})
    for name, job in jobs(file).items():
        if "id-token" in job.get("permissions", {}):
            assert job.get("environment"), name


@pytest.mark.parametrize("folder", [ROOT, ROOT / "jobgraph" / "template"], ids=["clone", "template"])
def test_no_key_of_an_account_is_stored(folder: Path) -> None:
    text = (folder / ".github" / "workflows" / "deploy.yml").read_text("utf-8")
    assert set(re.findall(r"secrets\.(\w+)", text)) == {"PULUMI_CONFIG_PASSPHRASE"}
    settings = (folder / "Pulumi.prod.yaml") if folder != ROOT else ROOT / "Pulumi.account.yaml.example"
    assert "snowflake:role: ACCOUNTADMIN" not in settings.read_text("utf-8")


@pytest.mark.parametrize("folder", [ROOT, ROOT / "jobgraph" / "template"], ids=["clone", "template"])
def test_a_refused_token_ends_its_step(folder: Path, tmp_path: Path) -> None:
    """The shell that runs a step goes on after a command that fails within `export`, or in front of another command."""
    content = yaml.safe_load((folder / ".github" / "workflows" / "deploy.yml").read_text("utf-8"))
    (tmp_path / "token").write_text("#!/bin/sh\nexit 22\n")
    (tmp_path / "token").chmod(0o700)
    scripts = [
        str(step["run"])
        for job in content["jobs"].values()
        for step in job["steps"]
        if 'SNOWFLAKE_TOKEN="$(' in str(step.get("run"))
    ]
    assert scripts
    for script in scripts:
        ended = subprocess.run(
            ["/bin/bash", "-e", "-c", script],
            cwd=tmp_path,
            env={"PATH": "/usr/bin:/bin", "RUNNER_TEMP": str(tmp_path)},
            capture_output=True,
            check=False,
        )
        assert ended.returncode == 22, script


@pytest.mark.parametrize("folder", [ROOT, ROOT / "jobgraph" / "template"], ids=["clone", "template"])
def test_a_missing_image_is_pushed_before_it_is_held_against_the_deploy(folder: Path) -> None:
    """`doctor --account` fails on a missing image, and a commit can bring a new one: nobody would ever push it."""
    content = yaml.safe_load((folder / ".github" / "workflows" / "deploy.yml").read_text("utf-8"))
    for job in content["jobs"].values():
        commands = [str(step.get("run", "")) for step in job["steps"]]
        pushes = [number for number, text in enumerate(commands) if "image push" in text]
        asks = [number for number, text in enumerate(commands) if "doctor --account" in text]
        assert len(pushes) == len(asks)
        assert not pushes or pushes[0] < asks[0]
        for number in asks:
            pushing = job["steps"][pushes[0]].get("if")
            assert pushing == ("github.event_name == 'push'" if folder == ROOT else None)
            shown = job["steps"][number].get("continue-on-error")
            assert shown == ("${{ github.event_name == 'pull_request' }}" if folder == ROOT else None)


def test_what_is_downloaded_is_verified() -> None:
    for file in WORKFLOWS:
        assert "pulumi/actions" not in file.read_text("utf-8"), f"{file}: `jobgraph setup` verifies what it downloads"


def locked() -> dict[str, str]:
    """The packages of the lock, with what stands behind each."""
    text = (ROOT / "requirements.lock").read_text("utf-8")
    return dict(re.findall(r"^([a-z0-9-]+)==(.*(?:\n    .*)*)", text, re.MULTILINE))


def test_every_package_of_the_lock_has_its_hashes() -> None:
    packages = locked()
    assert len(packages) > 50
    assert [name for name, rest in packages.items() if "--hash=sha256:" not in rest] == []


def licence(name: str) -> str:
    """What a package says of its licence; empty if it is not installed here."""
    try:
        about = metadata(name)
    except PackageNotFoundError:
        return ""
    classifiers = [text for text in about.get_all("Classifier") or () if text.startswith("License ::")]
    texts = [*(about.get_all("License-Expression") or ()), *classifiers, *(about.get_all("License") or ())]
    return "; ".join(text[:200] for text in texts)


def test_the_licence_of_every_package_may_be_used() -> None:
    licences = {name: text for name in locked() if (text := licence(name))}
    assert len(licences) > 50
    refused = {name for name, text in licences.items() if not ALLOWED.search(text)}
    assert refused == EXCEPTIONS.keys(), {name: licences[name] for name in refused}
