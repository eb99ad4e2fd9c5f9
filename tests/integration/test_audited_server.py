"""A server's audit log from the command line: read, signed, verified, tampered with, caught."""

import json
from pathlib import Path

from keyed_server import keyed_server, lab
from server_process import OPERATOR_KEY

from lab_kit.auditor import VerifierKey, checkpoint_of, is_included, leaf_of


async def test_an_auditor_asks_proves_and_catches(tmp_path: Path) -> None:
    folder = tmp_path / "state" / "audit"
    with keyed_server(tmp_path) as server:
        asked = ("--url", server.url, "--operator-key", OPERATOR_KEY)
        made = lab("keys", *asked, "create", "--tenant", "acme").stdout.splitlines()[0]
        assert lab("keys", *asked, "revoke", made[:16]).returncode == 0
        shown = lab("audit", "show", *asked, "--tenant", "acme").stdout.splitlines()
        assert [line.split()[2] for line in shown] == ["key.made", "key.revoked"]
        saved = tmp_path / "saved"
        saved.write_text(lab("audit", "checkpoint", *asked).stdout, "utf-8")
        key = lab("audit", "key", *asked).stdout.strip()
        signed = checkpoint_of(saved.read_text("utf-8"), VerifierKey(key))
        number = int(shown[-1].split()[0])
        proof = await server.operator.audit_inclusion(number, signed.size)
        assert proof.line is not None
        line, hashes = proof.line.encode(), [bytes.fromhex(one) for one in proof.hashes]
        assert json.loads(line)["action"] == "key.revoked"
        assert is_included(number, signed.size, leaf_of(line), hashes, signed.root)
        records = [one async for one in server.operator.audit_records(action="log")]
        assert [one.action for one in records] == ["log.opened"]
        verify = ("audit", "verify", str(folder), "--key", key, "--against", str(saved))
        while_it_runs = lab(*verify)
        assert while_it_runs.returncode == 0, while_it_runs.stdout
    with keyed_server(tmp_path) as server:
        grown = await server.operator.audit_consistency(signed.size, signed.size + 1)
        assert grown.old_size == signed.size
    assert lab(*verify).returncode == 0
    log = folder / "log.jsonl"
    log.write_bytes(log.read_bytes().replace(b'"key.revoked"', b'"key.rotated"'))
    caught = lab(*verify)
    assert caught.returncode == 1
    assert f"record {number}" in caught.stdout
    refused = lab("serve", "--port", "0", "--state", str(tmp_path / "state"))
    assert refused.returncode == 1
    assert "lab audit verify" in refused.stderr


def test_a_log_of_its_own_folder_is_kept_where_nothing_else_is(tmp_path: Path) -> None:
    audit = tmp_path / "elsewhere"
    with keyed_server(tmp_path, "--audit", str(audit)) as server:
        told = server.log.read_text("utf-8")
        assert f"audit log in {audit}" in told
    key = told.partition("to verify it: ")[2].split()[0]
    assert lab("audit", "verify", str(audit), "--key", key).returncode == 0
    actions = [json.loads(one)["action"] for one in (audit / "log.jsonl").read_bytes().splitlines()]
    assert actions[0] == "log.opened"
    assert actions[-1] == "log.closed"
