"""The alert rules as a file of Prometheus and as a page: ``python -m perdure.telemetry.alerts_page rules|page``."""

import re
import sys
from collections.abc import Callable
from datetime import timedelta
from typing import Final

import yaml

from perdure.telemetry.alert_rules import ALERT_RULES

__all__ = ["alerts_page", "rules_file"]

_FILE_HEAD: Final = "# Made by `make reference` from shared/perdure/telemetry/alert_rules.py: change the rules there.\n"
_HEAD: Final = """\
# Alerts

Made by `make reference` from the code: change the rules there. [Prometheus](../deploy/prometheus/prometheus.yml) reads
them from [`deploy/prometheus/alerts.yml`](../deploy/prometheus/alerts.yml); [Metrics](metrics.md) has the meaning of
what they read. Thresholds are for a suite of usual size.
"""


def rules_file(lasts: timedelta | None = None) -> str:
    """Return the rules as a file that Prometheus reads.

    Args:
        lasts: Overrides how long each cause must last; for tests.
    """
    rules = [rule.shown(lasts) for rule in ALERT_RULES]
    groups = {"groups": [{"name": "perdure", "rules": rules}]}
    return _FILE_HEAD + yaml.safe_dump(groups, sort_keys=False, width=120, allow_unicode=True)


def alerts_page() -> str:
    """Return the page of all alerts in Markdown."""
    return _HEAD + "".join(
        f"\n## {rule.name}\n\n{_plain(rule.summary)} ({rule.severity}, after {rule.shown()['for']})\n\n"
        f"{_plain(rule.remedy)}\n\n```\n{rule.expr}\n```\n"
        for rule in ALERT_RULES
    )


def _plain(template: str) -> str:
    """Return a template of Prometheus as text: labels by their names."""
    return re.sub(r"\{\{ \$(?:labels\.)?(\w+)[^}]*\}\}", lambda found: found[1].upper(), template)


_PRINTED: Final[dict[str, Callable[[], str]]] = {"rules": rules_file, "page": alerts_page}

if __name__ == "__main__":
    sys.stdout.write(_PRINTED[sys.argv[1]]())
