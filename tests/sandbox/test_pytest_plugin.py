"""The sandbox's pytest plugin, tried as a user's own test suite would use it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from pathlib import Path

pytest_plugins = ["pytester"]
pytestmark = pytest.mark.sandbox

SUITE = """
import snowflake.connector

def test_a_table_is_made(snowflake_sandbox):
    with snowflake_sandbox.connect() as connection:
        cursor = connection.cursor()
        cursor.execute("create table orders (id int)")
        cursor.execute("insert into orders values (1), (2)")
        assert cursor.execute("select count(*) from orders").fetchone() == (2,)
        assert cursor.execute("select current_database(), current_schema()").fetchone() == (
            "TEST_A_TABLE_IS_MADE", "PUBLIC"
        )

def test_the_next_test_has_a_database_of_its_own(snowflake_sandbox):
    with snowflake.connector.connect(**snowflake_sandbox.parameters) as connection:
        cursor = connection.cursor()
        cursor.execute("show tables")
        assert cursor.fetchall() == []
        names = [row[1] for row in cursor.execute("show databases").fetchall()]
        assert "TEST_A_TABLE_IS_MADE" not in names

def test_the_session_has_one_process(snowflake_sandbox, snowflake_sandbox_server):
    assert snowflake_sandbox.environment["SNOWFLAKE_PORT"] == snowflake_sandbox_server["SNOWFLAKE_PORT"]
    assert snowflake_sandbox.environment["SNOWFLAKE_DATABASE"] == snowflake_sandbox.database

def test_containers_images_come_from_the_ini_option(snowflake_sandbox):
    with snowflake_sandbox.connect() as connection:
        cursor = connection.cursor()
        cursor.execute("create compute pool p min_nodes = 1 max_nodes = 1 instance_family = CPU_X64_XS")
        cursor.execute("create image repository images")
        path = f"/{snowflake_sandbox.database}/public/images/hello:1.0".lower()
        cursor.execute(
            "execute job service in compute pool p name = greeting from specification "
            f"$${{spec: {{containers: [{{name: main, image: '{path}'}}]}}}}$$"
        )
        log = cursor.execute("select system$get_service_logs('greeting', 0, 'main', 10)").fetchone()[0]
        assert "hello from the image" in log
"""


def test_a_suite_gets_a_sandbox_and_a_database_for_each_test(pytester: pytest.Pytester) -> None:
    image = pytester.mkdir("images") / "hello"
    image.mkdir()
    (image / "main.py").write_text("print('hello from the image')\n")
    (image / "Dockerfile").write_text(
        "FROM python:3.11-slim\nLABEL org.opencontainers.image.version=1.0\nCOPY main.py /app/main.py\n"
        'ENTRYPOINT ["python", "/app/main.py"]\n'
    )
    pytester.makepyfile(test_orders=SUITE)
    pytester.makeini("[pytest]\nsnowflake_sandbox_images = images\n")
    result = pytester.runpytest_subprocess("-p", "no:cacheprovider")
    result.assert_outcomes(passed=4)


def test_the_process_ends_with_the_session(pytester: pytest.Pytester, tmp_path: Path) -> None:
    pids = tmp_path / "port"
    pytester.makepyfile(
        test_port=f"""
        def test_port(snowflake_sandbox):
            open({str(pids)!r}, "w").write(snowflake_sandbox.environment["SNOWFLAKE_PORT"])
        """
    )
    pytester.runpytest_subprocess("-p", "no:cacheprovider").assert_outcomes(passed=1)
    pytester.makepyfile(
        test_gone=f"""
        import socket

        def test_gone():
            with socket.socket() as client:
                assert client.connect_ex(("127.0.0.1", int(open({str(pids)!r}).read()))) != 0
        """
    )
    pytester.runpytest_subprocess("-p", "no:cacheprovider", "test_gone.py").assert_outcomes(passed=1)


def test_a_suite_that_does_not_ask_for_it_starts_and_imports_nothing(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(
        """
        import sys

        def test_imports():
            assert "snowflake.connector" not in sys.modules
            assert "snowflake_sandbox.control" not in sys.modules
        """
    )
    pytester.runpytest_subprocess("-p", "no:cacheprovider").assert_outcomes(passed=1)
