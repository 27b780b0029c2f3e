"""No attack on a running suite succeeds, and honest people do not notice that there were any.

One test, so that one suite serves all attacks whatever number of processes the tests have; each attack is a subtest.
``ATTACKS="vote twice"`` plays only those with these words in their names.
"""

import os

import pytest

from tests.support.attacks.all_attacks import ATTACKS
from tests.support.attacks.attack import play
from tests.support.attacks.opened import open_attacked_suite


@pytest.mark.timeout(600)  # as if all attacks were tests of their own
async def test_no_attack_succeeds(tmp_path_factory: pytest.TempPathFactory, subtests: pytest.Subtests) -> None:
    words = os.environ.get("ATTACKS", "")
    attacks = [attack for listed in ATTACKS.values() for attack in listed if words in attack.name]
    by = {attack: actor for actor, listed in ATTACKS.items() for attack in listed}

    async with open_attacked_suite(tmp_path_factory.mktemp("attacked"), tmp_path_factory.mktemp("people")) as suite:
        played = await play(attacks, suite)
        for it in played:
            with subtests.test(msg=f"{by[it.attack]}: {it.attack.name}"):
                if it.error is not None:
                    raise it.error
                assert it.word == it.attack.refused_with
