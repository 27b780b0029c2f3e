"""The CEL condition of a tightening of a policy, over what an approval request shows."""

from collections.abc import Mapping
from typing import Any, Final

from perdure.errors import SetupError
from perdure.values.cel_functions import unknown_function
from perdure.values.cel_tokens import macro_variables
from perdure.values.nearest import nearest

__all__ = ["VARIABLES", "PolicyCondition"]

VARIABLES: Final = ("action", "details", "severity", "title")
"""The names that a condition may use: fields of the request."""


class PolicyCondition:
    """One condition, compiled."""

    def __init__(self, label: str, text: str) -> None:
        """Compile the condition.

        Args:
            label: The key of the configuration, for errors.
            text: A CEL expression.

        Raises:
            SetupError: It is not CEL, or uses a variable that no request has or a function that CEL does not have.
        """
        try:
            from perdure.values.cel_engine import cel  # noqa: PLC0415 (an optional extra)
        except ModuleNotFoundError as error:
            raise SetupError(f"{label} needs CEL: pip install 'perdure[orchestrator]'.") from error
        try:
            self._program = cel.compile(text)
        except ValueError as error:
            raise SetupError(f"{label} is not CEL: {error}") from error
        for name in set(self._program.variables()) - macro_variables(text):
            if name not in VARIABLES:
                raise SetupError(f"{label} uses {name}, which no request has{nearest(name, VARIABLES)}")
        if unknown := unknown_function(self._program.functions()):
            raise SetupError(f"{label} {unknown}")

    def holds(self, request: Mapping[str, Any]) -> bool:
        """Return whether the policy is tightened for a request.

        A condition that fails, such as one on a field that the action lacks, holds: leaving out a field must not
        loosen the policy.

        Args:
            request: The value of each of ``VARIABLES``.
        """
        try:
            return self._program.execute(dict(request)) is not False
        except Exception:  # noqa: BLE001 (CEL raises many types)
            return True
