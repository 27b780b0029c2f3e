"""An alert rule of Prometheus."""

from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Literal

__all__ = ["AlertRule"]


@dataclass(frozen=True, slots=True)
class AlertRule:
    """When an alert fires, and what to do then.

    Attributes:
        name: CamelCase, as is usual.
        expr: PromQL; each series that it yields is an alert.
        lasts: How long ``expr`` must hold before the alert fires.
        severity: ``critical``: somebody should look now. ``none``: it always fires.
        summary: What is wrong, with the labels of the series.
        remedy: What to run or to do, as one sentence.
    """

    name: str
    expr: str
    lasts: timedelta
    severity: Literal["critical", "warning", "none"]
    summary: str
    remedy: str

    def shown(self, lasts: timedelta | None = None) -> dict[str, Any]:
        """Return the rule as Prometheus reads it.

        Args:
            lasts: Overrides ``lasts``; for tests.
        """
        return {
            "alert": self.name,
            "expr": self.expr,
            "for": f"{int((self.lasts if lasts is None else lasts).total_seconds())}s",
            "labels": {"severity": self.severity},
            "annotations": {"summary": self.summary, "runbook": self.remedy},
        }
