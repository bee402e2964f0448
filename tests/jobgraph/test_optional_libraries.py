from __future__ import annotations

import subprocess
import sys

PROGRAM = """
import sys
from jobgraph.cli.main import main
sys.argv = ["jobgraph", "--version"]
try:
    main()
except SystemExit:
    pass
import snowflake.connector
sys.exit(bool(sys.modules["pandas"] or sys.modules["numpy"] or snowflake.connector.options.installed_pandas))
"""


def test_the_command_loads_the_connector_without_data_frames() -> None:
    subprocess.run([sys.executable, "-c", PROGRAM], check=True, timeout=120)
