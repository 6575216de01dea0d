"""Requests as any program could make them, with nothing of our clients in between."""

from dataclasses import dataclass

import httpx

from audit_chain.log.note import Note, Signature
from audit_chain.log.witness import AddCheckpointRequest, parse_cosignatures

_client = httpx.Client(timeout=120, trust_env=False)


@dataclass(frozen=True, slots=True)
class Reply:
    status: int
    media_type: str
    body: bytes

    @property
    def text(self) -> str:
        return self.body.decode()


def send(
    method: str, url: str, body: bytes | None = None, headers: dict[str, str] | None = None, json: object = None
) -> Reply:
    response = _client.request(method, url, content=body, headers=headers, json=json)
    return Reply(response.status_code, response.headers.get("content-type", ""), response.content)


def add_checkpoint(url: str, *, old: int, proof: list[bytes], note: bytes) -> Reply:
    request = AddCheckpointRequest(old_size=old, proof=tuple(proof), note=note)
    return send("POST", f"{url}/add-checkpoint", request.render())


def cosignatures(reply: Reply) -> list[Signature]:
    assert reply.status == 200, reply
    return parse_cosignatures(reply.body)


def cosigned(note: bytes, reply: Reply) -> Note:
    return Note.parse(note).with_signatures(*cosignatures(reply))
