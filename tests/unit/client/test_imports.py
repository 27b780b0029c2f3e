"""The client needs no extras of the package."""

import subprocess
import sys

EXTRAS = "faststream temporalio mcp pydantic_ai cel jsonschema sqlalchemy uvicorn starlette textual prometheus_client"


def test_the_client_imports_base_dependencies_only() -> None:
    program = f"import sys, perdure.client; print(*sorted({set(EXTRAS.split())!r} & set(sys.modules)))"
    run = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)

    assert run.stdout == "\n"
