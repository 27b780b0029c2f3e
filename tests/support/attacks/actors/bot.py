"""What a stolen nkey of a bot cannot do: it may publish decisions, and read requests, receipts, alerts and progress."""

import json
from collections.abc import Callable
from typing import Final

from nats.js.api import ConsumerConfig
from nats.js.errors import NotFoundError

from perdure.contracts import Decision
from tests.support.attacks.attack import Attack
from tests.support.attacks.moves import altered, publishes, receipt_of, subscribes, unread, votes
from tests.support.attacks.suite import WITHIN, AttackedSuite

Change = Callable[[bytes], bytes]

SERVICES_OF = {"APPROVALS": "notifier", "ALERTS": "notifier", "RECEIPTS": "audit", "PROGRESS": "audit"}


def consumers(verb: str) -> list[str]:
    return [f"$JS.API.CONSUMER.{verb}.{stream}.{service}" for stream, service in SERVICES_OF.items()]


async def garbage(suite: AttackedSuite) -> str:
    return await suite.dead_letter("DECISIONS", await suite.send("bot", "victim", b"\x00\xff" * 200_000))


async def a_decision_without_a_request(suite: AttackedSuite) -> str:
    return await suite.dead_letter("DECISIONS", await suite.send("bot", "victim", b'{"decision": "approve"}'))


async def a_deep_body(suite: AttackedSuite) -> str:
    body = b'{"request_id": "victim.1", "x": ' + b"[" * 100_000 + b"]" * 100_000 + b"}"
    return await suite.dead_letter("DECISIONS", await suite.send("bot", "victim", body))


async def a_run_that_never_was(suite: AttackedSuite) -> str:
    requested = await suite.request()
    vote = suite.vote(requested, request_id="nobody.1")
    return await suite.decide("bot", vote)


async def the_same_decision_again(suite: AttackedSuite) -> str:
    requested = await suite.request(policy={"quorum": 2, "roles": ["editor"]})
    vote = suite.vote(requested)
    assert await suite.decide("bot", vote) == "accepted"
    sequences = [await suite.send("bot", vote.workflow_id, vote) for _ in range(20)]
    return await suite.receipt(vote.request_id, None, sequences[-1])


async def a_second_vote(suite: AttackedSuite) -> str:
    requested = await suite.request(policy={"quorum": 2, "roles": ["editor"]})
    assert await suite.decide("bot", suite.vote(requested)) == "accepted"
    return await suite.decide("bot", suite.vote(requested))


async def withdraw_the_vote_of_another(suite: AttackedSuite) -> str:
    requested = await suite.request(policy={"quorum": 2, "roles": ["editor"]})
    assert await suite.decide("bot", suite.vote(requested)) == "accepted"
    return await suite.decide("bot", suite.vote(requested, "bob", "withdraw"))


async def a_decision_of_another_run(suite: AttackedSuite) -> str:
    """Its signature is valid, and it was made for a request with the same words."""
    words = {"title": "Pay them all?"}
    one, other = await suite.request(**words), await suite.request(**words)
    captured = suite.vote(one)
    moved = captured.model_copy(update={"workflow_id": other.workflow_id, "request_id": other.request_id})
    return await suite.decide("bot", moved)


async def two_names_in_one_body(suite: AttackedSuite) -> str:
    """Readers of JSON take the first or the last of two equal names: none of them may see another voter than we do."""
    requested = await suite.request()
    vote = suite.vote(requested, "eve")
    body = vote.model_dump_json().encode().removeprefix(b"{")
    return await receipt_of(suite, requested, vote, b'{"approver": "ada", ' + body)


async def a_name_that_looks_alike(suite: AttackedSuite) -> str:
    requested = await suite.request()
    return await suite.decide("bot", suite.vote(requested, "аda", key="eve"))  # noqa: RUF001 (a Cyrillic a)


async def ada_s_key_id_on_eve_s_signature(suite: AttackedSuite) -> str:
    requested = await suite.request()
    vote = suite.vote(requested, key="eve")
    mixed = vote.model_copy(update={"key_id": suite.keys["ada"].key_id})
    return await suite.decide("bot", mixed)


async def many_consumers(suite: AttackedSuite) -> str:
    """They are the bot's own: those of the services go on, which the honest traffic shows."""
    js = suite.jetstream("bot")
    for number in range(50):
        config = ConsumerConfig(name=f"mine-{number}", filter_subject="approvals.>")
        await js.add_consumer("APPROVALS", config)
    try:
        await js.consumer_info("APPROVALS", "notifier")
        await js.delete_consumer("APPROVALS", "mine-0")
        await js.consumer_info("APPROVALS", "mine-0")
    except NotFoundError:
        return "only its own deleted"
    return "found"


async def a_push_into_the_api(suite: AttackedSuite) -> str:
    """A push consumer whose deliveries would purge a stream or start a run."""
    before = (await suite.world.bus.js.stream_info("EVENTS")).state.messages
    for place in ("$JS.API.STREAM.PURGE.EVENTS", "commands.start.Quick"):
        config = {"name": "pushing", "deliver_subject": place, "ack_policy": "none", "deliver_policy": "all"}
        query = json.dumps({"stream_name": "APPROVALS", "config": config}).encode()
        await suite.roles["bot"].nats.request("$JS.API.CONSUMER.CREATE.APPROVALS.pushing", query, timeout=WITHIN)
        await suite.jetstream("bot").consumer_info("APPROVALS", "pushing")
        await suite.jetstream("bot").delete_consumer("APPROVALS", "pushing")
    commands = [it async for it in suite.bus.read("commands.start.Quick") if b"request_id" in it.raw.body]
    after = (await suite.world.bus.js.stream_info("EVENTS")).state.messages
    return "nothing stored" if not commands and after >= before else "stored or purged"


async def a_history_filled_by_repetition(suite: AttackedSuite) -> str:
    requested = await suite.request(policy={"quorum": 2, "roles": ["editor"]})
    vote = suite.vote(requested)
    assert await suite.decide("bot", vote) == "accepted"
    sequences = [await suite.send("bot", vote.workflow_id, vote) for _ in range(20)]
    code = await suite.receipt(vote.request_id, None, sequences[-1])
    return f"{code}, {await suite.signals(requested.workflow_id)} signal"


async def a_subject_of_one_run_for_the_request_of_another(suite: AttackedSuite) -> str:
    one, other = await suite.request(), await suite.request()
    vote = suite.vote(other)
    sequence = await suite.send("bot", one.workflow_id, vote)
    return await suite.receipt(vote.request_id, vote.message_id, sequence)


def fields(**changes: object) -> Change:
    """Return a change of the bytes: of these fields, after signing."""
    return lambda body: json.dumps({**json.loads(body), **changes}).encode()


def signature(change: Callable[[str], str]) -> Change:
    def changed(body: bytes) -> bytes:
        vote = Decision.model_validate_json(body)
        return vote.model_copy(update={"signature": change(vote.signature or "")}).model_dump_json().encode()

    return changed


ATTACKS: Final = [
    # Without a key
    Attack("vote without a signature", altered(fields(signature=None)), "unsigned"),
    Attack("vote with an empty signature", altered(fields(signature="")), "unsigned"),
    Attack("vote without naming a key", altered(fields(key_id=None)), "unsigned"),
    Attack("vote with a signature of zeros", altered(fields(signature="A" * 86 + "==")), "forged"),
    Attack("vote with a signature that is no base64", altered(fields(signature="!!")), "forged"),
    Attack("vote in the name of nobody", votes("mallory", key="eve"), "unknown_approver"),
    Attack("vote in a name that looks alike", a_name_that_looks_alike, "unknown_approver"),
    # With another's key
    Attack("vote for ada with the key of eve", votes("ada", key="eve"), "unknown_key"),
    Attack("vote for ada with the key of eve under the id of ada's key", ada_s_key_id_on_eve_s_signature, "forged"),
    Attack("vote with a key that was revoked", votes("rex"), "revoked_key"),
    Attack("vote without a role that the request names", votes("eve"), "not_allowed"),
    Attack("vote on a request of its own", votes("ada", request={"requester": "ada"}), "not_allowed"),
    # With a captured decision
    Attack("turn an approval into a rejection", altered(fields(decision="reject")), "forged"),
    Attack("move an approval to another request by its bytes", altered(fields(digest="0" * 64)), "forged"),
    Attack("change the comment of a vote", altered(fields(comment="Pay twice.")), "forged"),
    Attack("add a field to a vote", altered(fields(also="this")), "forged"),
    Attack("give a captured vote another nonce", altered(fields(nonce="fresh")), "forged"),
    Attack("write the signature in another base64", altered(signature(lambda it: it.rstrip("="))), "forged"),
    Attack("append a newline to the signature", altered(signature(lambda it: it + "\n")), "forged"),
    Attack("hide the voter behind a second field of this name", two_names_in_one_body, "unreadable"),
    Attack("make a vote count twice by repeating it", the_same_decision_again, "replayed"),
    Attack("vote twice", a_second_vote, "duplicate"),
    Attack("withdraw the vote of another", withdraw_the_vote_of_another, "nothing_to_withdraw"),
    Attack("withdraw a vote that was never cast", votes(choice="withdraw"), "nothing_to_withdraw"),
    Attack("use an approval for the same words of another run", a_decision_of_another_run, "forged"),
    Attack("approve what nobody was shown", votes(digest="0" * 64), "wrong_digest"),
    Attack("use a vote after its end", votes(expires_at="2026-01-01T00:00:00Z"), "decision_expired"),
    Attack("use a vote for a later run", votes(first_run_id="another"), "replayed"),
    Attack("vote on a run that never was", a_run_that_never_was, "unknown_run"),
    # With bytes that are no decision
    Attack("vote by a word that is no vote", altered(fields(decision="yes")), "unreadable"),
    Attack("vote with a comment of a megabyte", altered(fields(comment="c" * 1_000_000)), "unreadable"),
    Attack("vote with a digest that is none", altered(fields(digest="mine")), "unreadable"),
    Attack("vote with a number that JSON does not have", altered(fields(also=float("nan"))), "unreadable"),
    Attack("vote with a number outside of RFC 8785", altered(fields(also=2**60)), "forged"),
    Attack("vote with half of a surrogate pair", altered(fields(also="\ud800")), "unreadable"),
    Attack("stop the bridge with garbage", garbage, "not_utf8"),
    Attack("stop the bridge with a decision on nothing", a_decision_without_a_request, "bad_message"),
    Attack(
        "stop the bridge with 100,000 levels",
        a_deep_body,
        "not_json",
    ),
    Attack(
        "send a decision to a run of which it does not name the request",
        a_subject_of_one_run_for_the_request_of_another,
        "unreadable",
    ),
    Attack(
        "fill the history of a run with repetitions",
        a_history_filled_by_repetition,
        "replayed, 1 signal",
    ),
    Attack(
        "close the orchestrator's connection with a long request id",
        unread(fields(request_id="." * 3_000)),
        "bad_message",
    ),
    Attack(
        "make a receipt that is too long by a long nonce",
        altered(fields(nonce="n" * 100_000)),
        "unreadable",
    ),
    # On other subjects
    Attack("signal a run", publishes("bot", "signals.victim.go"), "violation"),
    Attack("start a run", publishes("bot", "events.work.quick", "commands.start.Quick"), "violation"),
    Attack("forge a verdict on an event", publishes("bot", "verdicts.work.quick"), "violation"),
    Attack("forge a receipt", publishes("bot", "receipts.victim=2E1"), "violation"),
    Attack("forge a request", publishes("bot", "approvals.requested.Asking.victim"), "violation"),
    Attack("forge the end of a run", publishes("bot", "progress.Asking.victim"), "violation"),
    Attack("write the verdicts of decisions", publishes("bot", "$KV.VERIFICATIONS.1"), "violation"),
    Attack("read the votes of others", subscribes("bot", "decisions.>"), "violation"),
    Attack("read events, commands and signals", subscribes("bot", "events.>", "commands.>", "signals.>"), "violation"),
    Attack(
        "read the stored votes of others",
        publishes("bot", "$JS.API.CONSUMER.CREATE.DECISIONS.mine", "$JS.API.STREAM.MSG.GET.DECISIONS"),
        "violation",
    ),
    Attack(
        "change a consumer of a service",
        publishes("bot", *consumers("CREATE"), *consumers("DURABLE.CREATE")),
        "violation",
    ),
    Attack("delete a consumer of a service", publishes("bot", *consumers("DELETE")), "violation"),
    Attack("fetch for a service", publishes("bot", *consumers("MSG.NEXT")), "violation"),
    Attack(
        "acknowledge for a service",
        publishes("bot", *(f"$JS.ACK.{stream}.{service}.1.1.1.1.0" for stream, service in SERVICES_OF.items())),
        "violation",
    ),
    Attack(
        "create a consumer without a name, which may alter others",
        publishes("bot", "$JS.API.CONSUMER.CREATE.APPROVALS"),
        "violation",
    ),
    Attack(
        "purge or delete what it reads",
        publishes(
            "bot",
            "$JS.API.STREAM.PURGE.APPROVALS",
            "$JS.API.STREAM.DELETE.RECEIPTS",
            "$JS.API.STREAM.MSG.DELETE.RECEIPTS",
        ),
        "violation",
    ),
    Attack("disturb the services' consumers by many of its own", many_consumers, "only its own deleted"),
    Attack("store or purge something by a push consumer", a_push_into_the_api, "nothing stored"),
]
