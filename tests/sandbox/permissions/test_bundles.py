"""Changes of behaviour, switched on and off by the name of their bundle."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.sandbox.conftest import Client

OLD_MOUNT = """{spec: {containers: [{name: main, image: /d/public/r/i:1, volumeMounts: [{name: v, mountPath: /v}]}],
 volumes: [{name: v, source: '@D.PUBLIC.ST'}]}}"""
JOB = f"EXECUTE JOB SERVICE IN COMPUTE POOL P FROM SPECIFICATION $${OLD_MOUNT}$$"


def switch(client: Client, verb: str, bundle: str) -> None:
    client.rows(f"SELECT SYSTEM${verb}_BEHAVIOR_CHANGE_BUNDLE('{bundle}')")


def test_a_stage_as_a_source_is_refused_once_the_bundle_is_on(client: Client) -> None:
    client.rows("CREATE COMPUTE POOL P MIN_NODES = 1 MAX_NODES = 1 INSTANCE_FAMILY = CPU_X64_XS")
    # there is no repository, which is looked for later
    assert client.errno(JOB) != 395018
    switch(client, "ENABLE", "2026_08")
    assert client.errno(JOB) == 395018
    switch(client, "DISABLE", "2026_08")
    assert client.errno(JOB) != 395018


def test_ownership_goes_to_a_role_of_the_session_or_by_manage_grants(client: Client) -> None:
    for text in (
        "CREATE ROLE MAKER",
        "CREATE ROLE HEIR",
        "GRANT ROLE MAKER TO USER SANDBOX_ADMIN",
        "GRANT USAGE ON DATABASE D TO ROLE MAKER",
        "GRANT USAGE, CREATE TABLE ON SCHEMA D.PUBLIC TO ROLE MAKER",
    ):
        client.rows(text)
    maker = client.as_role("MAKER")
    maker.rows("CREATE TABLE D.PUBLIC.T (A INT)")
    transfer = "GRANT OWNERSHIP ON TABLE D.PUBLIC.T TO ROLE HEIR"
    assert maker.errno(transfer) == 3001
    switch(client, "DISABLE", "2026_07")
    maker.rows(transfer)
    switch(client, "ENABLE", "2026_07")
    client.rows("GRANT OWNERSHIP ON TABLE D.PUBLIC.T TO ROLE MAKER")
    client.rows("GRANT ROLE HEIR TO ROLE MAKER")
    maker.rows(transfer)


@pytest.mark.parametrize("verb", ["ENABLE", "DISABLE"])
def test_only_the_accounts_administrator_switches(client: Client, verb: str) -> None:
    other = client.as_role("SYSADMIN")
    assert other.errno(f"SELECT SYSTEM${verb}_BEHAVIOR_CHANGE_BUNDLE('2026_08')") == 3001
