"""In which order the files of tests run, and which of them one worker runs: xdist hands out file by file.

Knows how long files take and which deploy a project or build a wheel for all of them. Must not know any test.
"""

from __future__ import annotations

from pathlib import Path

from xdist.scheduler import LoadFileScheduling

ROOT = Path(__file__).parent
# Files that share what one of them makes: each further worker would make it anew, which takes longer than most tests.
DEPLOYED = (
    "lifecycle/deploying/test_preview.py",
    "lifecycle/account/test_policies.py",
    "lifecycle/operating/test_direct.py",
    "lifecycle/deploying/test_deploy.py",
    "lifecycle/deploying/test_history_restored.py",
    "lifecycle/deploying/test_data_stays.py",
    "lifecycle/deploying/test_drift.py",
    "lifecycle/deploying/test_changes.py",
    "lifecycle/account/test_images.py",
    "lifecycle/account/test_logins.py",
    "lifecycle/account/test_secrets.py",
    "lifecycle/operating/test_trouble.py",
)
PACKAGED = ("packaging/test_new_project.py", "packaging/test_wheels.py")
# Those that run longest, longest first: a long one at the end would leave the other workers idle.
LONGEST = (
    *DEPLOYED,
    "deploys/test_engine.py",
    "page/test_browser.py",
    "runner/test_containers.py",
    "lifecycle/account/test_account_document.py",
    "deploys/test_disturbed.py",
    "lifecycle/operating/test_past_runs.py",
    "lifecycle/deploying/test_component.py",
    *PACKAGED,
)
PLACES = {ROOT / file: place for place, file in enumerate(LONGEST)}
FIRST = {f"{ROOT.name}/{file}": f"{ROOT.name}/{files[0]}" for files in (DEPLOYED, PACKAGED) for file in files}


def place(file: Path) -> int:
    """Return where a file stands among the longest; all others have the same place, behind them."""
    return PLACES.get(file, len(PLACES))


def unit(test: str) -> str:
    """Return what a test is handed out with: its file, or the first of the files that share something."""
    file = test.partition("::")[0]
    return FIRST.get(file, file)


class Scheduling(LoadFileScheduling):  # type: ignore[misc]  # xdist ships no types
    """Gives a worker file by file, and files that share something together."""

    def _split_scope(self, nodeid: str) -> str:
        return unit(nodeid)
