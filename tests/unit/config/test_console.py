"""The section ``console``: elsewhere than on this machine, somebody has to log people in."""

import pytest
from pydantic import ValidationError

from perdure.config.services import ConsoleSettings


@pytest.mark.parametrize("given", [{"url": "https://perdure.example.com"}, {"proxies": ["10.0.0.5/32"]}])
def test_a_url_needs_proxies_and_proxies_a_url(given: dict[str, object]) -> None:
    with pytest.raises(ValidationError, match="`url` and `proxies` belong together"):
        ConsoleSettings.model_validate(given)


def test_a_header_is_a_header_and_a_proxy_an_address() -> None:
    own = {"url": "https://perdure.example.com", "proxies": ["10.0.0.5"]}

    assert ConsoleSettings.model_validate(own).user_header == "x-forwarded-user"
    for wrong in ({"user_header": "x user"}, {"proxies": ["anybody"]}):
        with pytest.raises(ValidationError):
            ConsoleSettings.model_validate({**own, **wrong})
