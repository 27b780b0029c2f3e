"""What commands print of a run that waits for mended code."""

import json

from perdure.values.printable import one_line
from perdure.values.short_code import run_word

__all__ = ["stuck_notice"]


def stuck_notice(workflow_id: str, error: str, *, as_json: bool = False) -> str:
    """Return the line for somebody who waits for a run.

    Args:
        workflow_id: The run.
        error: The error of its code, with its place.
        as_json: Whether as a JSON object.
    """
    from perdure.contracts.runs import MEND_THE_CODE

    if as_json:
        return json.dumps({"workflow_id": workflow_id, "stuck": error})
    return f"{run_word(workflow_id)} waits for mended code: {one_line(error)}. {MEND_THE_CODE}"
