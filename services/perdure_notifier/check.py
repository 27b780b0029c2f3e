"""Checks the secrets of the channels, and sends nothing."""

from collections.abc import Iterator

from perdure.config.problem import Problem
from perdure.config.settings import Settings
from perdure.config.yaml_file import source_position
from perdure_notifier.channels.secrets import missing_secrets

__all__ = ["find_problems"]


def find_problems(settings: Settings) -> Iterator[Problem]:
    """Yield each secret that a channel needs and that is missing or unfit."""
    for name, channel in settings.notifier.channels.items():
        for error in missing_secrets(name, channel):
            yield Problem(where=source_position("notifier", "channels", name), what=str(error))
