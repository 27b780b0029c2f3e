"""The approvers file: comments and mode are kept, and what is gone, empty or cut off is an outage."""

import json
import os
from collections.abc import Callable
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest

from perdure.approvers import Approver, ApproversFile, Away, Directory, Proxy, PublicKey, SigningKey
from perdure.approvers.enrolment import enrol
from perdure.errors import SetupError
from tests.support.people import approvers_file, directory

ADA, BOB = SigningKey.new(), SigningKey.new()
KNOWN = directory({"ada": ADA, "bob": BOB})
BY_HAND = f"""\
# The people of Example Ltd.
approvers:
  ada:  # the chief
    roles: [chief]
    keys:
      - public: "{ADA.public}"  # her laptop
        created: 2026-01-02T03:04:05Z
  # on leave till spring
  bob: {{away: {{to: [ada]}}, keys: [{{public: "{BOB.public}"}}]}}
"""


def test_a_version_names_the_digest_of_its_bytes(tmp_path: Path) -> None:
    file = ApproversFile(tmp_path / "approvers.yaml")
    assert (file.version().digest, file.current()) == (None, Directory())

    file = approvers_file(file.path, KNOWN)

    assert file.version().digest == sha256(file.path.read_bytes()).hexdigest()
    assert file.version().directory == KNOWN


def test_a_change_of_the_same_length_within_the_same_tick_is_seen(tmp_path: Path) -> None:
    file = approvers_file(tmp_path / "approvers.yaml", Directory(approvers={"ada": Approver(roles=("chief",))}))
    before = file.path.stat()
    text = file.path.read_text()
    assert file.current().approvers["ada"].roles == ("chief",)

    with file.path.open("r+") as same_inode:
        same_inode.write(text.replace("chief", "cheif"))
    os.utime(file.path, ns=(before.st_atime_ns, before.st_mtime_ns))

    assert file.current().approvers["ada"].roles == ("cheif",)


@pytest.mark.parametrize(
    ("harm", "complaint"),
    [
        pytest.param(Path.unlink, "is gone", id="gone"),
        pytest.param(lambda path: path.write_text(""), "is empty", id="empty"),
        pytest.param(lambda path: path.write_text("# nothing but a comment\n"), "is empty", id="comment"),
        pytest.param(lambda path: path.write_text(path.read_text().rpartition("  bob")[0]), "is cut off", id="cut off"),
        pytest.param(lambda path: path.write_bytes(b"\xff\xfe"), "cannot be read", id="no text"),
        pytest.param(lambda path: path.write_text("[" * 5_000), "cannot be read", id="nested too deeply"),
        pytest.param(lambda path: path.write_text("until: 2026-13-45"), "cannot be read", id="no date"),
    ],
)
def test_a_file_that_was_read_and_is_gone_empty_or_cut_off_is_no_file_without_approvers(
    tmp_path: Path, harm: Callable[[Path], object], complaint: str
) -> None:
    file = approvers_file(tmp_path / "approvers.yaml", KNOWN)
    whole = file.path.read_bytes()
    file.current()

    harm(file.path)

    with pytest.raises(SetupError, match=complaint):
        file.current()
    file.path.write_bytes(whole)
    assert file.current() == KNOWN


def test_what_people_wrote_stays_when_a_command_changes_the_file(tmp_path: Path) -> None:
    path = tmp_path / "approvers.yaml"
    path.write_text(BY_HAND)
    path.chmod(0o640)
    file = ApproversFile(path)

    enrol(file, tmp_path / "keys", "ada", roles=["legal"])
    enrol(file, tmp_path / "keys", "eve")
    with file.changing() as (known, changed):
        back = known.approvers["bob"].model_copy(update={"away": None})
        changed.append(known.model_copy(update={"approvers": {**known.approvers, "bob": back}}))

    text = path.read_text()
    for comment in ("# The people of Example Ltd.", "# the chief", "# her laptop", "# on leave till spring"):
        assert comment in text
    assert "created: 2026-01-02T03:04:05Z" in text
    assert path.stat().st_mode & 0o777 == 0o640
    known = ApproversFile(path).current()
    assert known.approvers["ada"].roles == ("chief", "legal")
    assert [len(known.approvers[name].keys) for name in ("ada", "bob", "eve")] == [2, 1, 1]
    assert known.approvers["bob"].away is None


def test_a_symbolic_link_stays_a_link(tmp_path: Path) -> None:
    link, real = tmp_path / "approvers.yaml", tmp_path / "people.yaml"
    real.write_text(BY_HAND)
    link.symlink_to(real)

    enrol(ApproversFile(link), tmp_path / "keys", "eve")

    assert link.is_symlink()
    assert "eve" in real.read_text()


def test_a_file_of_perdure_0_1_is_read_and_changed(tmp_path: Path) -> None:
    path = tmp_path / "approvers.yaml"
    path.write_text(
        "# Who may vote on approval requests. `perdure approvers` writes this file too.\n"
        f"approvers:\n  root:\n    keys:\n    - public: {ADA.public}\n      created: '2026-01-02T03:04:05Z'\n"
    )

    enrol(ApproversFile(path), tmp_path / "keys", "root")

    assert len(ApproversFile(path).current().approvers["root"].keys) == 2


KEY = PublicKey(public=ADA.public)


@pytest.mark.parametrize(
    ("known", "problem"),
    [
        ({"approvers": {"ada": Approver(keys=(KEY,)), "bob": Approver(keys=(KEY,))}}, "belongs to ada and bob"),
        ({"approvers": {"ada": Approver(keys=(KEY,))}, "proxies": {"ada": Proxy(keys=(KEY,))}}, "ada and proxy ada"),
        ({"approvers": {"ada": Approver(keys=(KEY, KEY))}}, "belongs to ada, twice"),
        ({"approvers": {"ada": Approver(slack="U1"), "bob": Approver(slack="U1")}}, "the Slack id U1 belongs to"),
        ({"approvers": {"ada": Approver(away=Away(to=("bbo",))), "bob": Approver()}}, "bbo.*: did you mean bob"),
        ({"approvers": {"ada": Approver(away=Away(to=("ada",)))}}, "votes for ada"),
        ({"approvers": {"a": Approver(), "a.b": Approver()}}, "a and a.b can have the same decision ids"),
        ({"approvers": {"2.ada": Approver()}}, "begins like the end of a request's id"),
        ({"approvers": {"ada": Approver()}, "proxies": {"bot": Proxy(people=("aad",))}}, "aad.*: did you mean ada"),
        ({"approvers": {"ada": Approver(roles=("x",))}, "proxies": {"bot": Proxy(roles=("y",))}}, "which nobody has"),
    ],
)
def test_a_file_by_which_one_vote_could_be_anothers_or_nobodys_is_wrong(
    tmp_path: Path, known: dict[str, dict[str, Any]], problem: str
) -> None:
    path = tmp_path / "approvers.yaml"
    wrong = Directory().model_copy(update=known)
    path.write_text(json.dumps(wrong.model_dump(mode="json", exclude_defaults=True)))

    with pytest.raises(SetupError, match=rf"is wrong: .*{problem}"):
        ApproversFile(path).current()


def test_a_command_that_would_make_the_file_wrong_changes_nothing(tmp_path: Path) -> None:
    file = approvers_file(tmp_path / "approvers.yaml", KNOWN)
    before = file.path.read_bytes()

    with pytest.raises(SetupError, match="same decision ids"), file.changing() as (known, changed):
        changed.append(known.model_copy(update={"approvers": {**known.approvers, "ada.b": Approver()}}))

    assert file.path.read_bytes() == before
