"""The OpenAPI description: without a warning, complete, and true."""

import io
import json
from typing import Any

import pytest
from django.core.management import call_command
from jsonschema import Draft7Validator

from apps.api.urls import urlpatterns
from apps.api.views.base import NothingHere
from apps.api.views.description import DescriptionView
from tests.api.cast import PARTNER, Cast, World, numbers
from tests.pool.cast import invoice

OPEN = ("verify", "policy", "evidence/lookup", "evidence/proof", "evidence/answer")


@pytest.fixture
def description(cast: Cast) -> dict[str, Any]:
    response = cast.anonymous.get("schema/")
    assert response["Content-Type"] == "application/vnd.oai.openapi+json"
    described: dict[str, Any] = json.loads(response.content)
    return described


def test_the_description_is_valid_and_made_without_a_warning() -> None:
    call_command("spectacular", validate=True, fail_on_warn=True, stdout=io.StringIO())


def test_every_address_is_described(description: dict[str, Any]) -> None:
    views = {pattern.callback.cls for pattern in urlpatterns} - {NothingHere, DescriptionView}
    operations = [method for path in description["paths"].values() for method in path if method in ("get", "post")]
    assert len(operations) == sum(hasattr(view, "get") + hasattr(view, "post") for view in views)


def test_every_operation_tells_of_itself_its_errors_and_who_may_ask(description: dict[str, Any]) -> None:
    for path, methods in description["paths"].items():
        for method, operation in methods.items():
            where = f"{method} {path}"
            assert operation["summary"], where
            schema = operation["responses"]["default"]["content"]["application/json"]["schema"]
            assert schema == {"$ref": "#/components/schemas/Error"}, where
            is_open = path.removeprefix("/api/v1/") in OPEN
            assert ({} in operation["security"]) == is_open, where


def test_answers_are_as_described(cast: Cast, world: World, description: dict[str, Any]) -> None:
    record = world.final_record()
    twin = world.record(number=cast.viewer.get(f"records/{record}").json()["fields"]["number"], note="twin")
    bundle = cast.staff.post(f"records/{record}/disclosures", {"fields": ["number"], "recipient": PARTNER})
    share = bundle["Location"].rpartition("/")[2]
    batch = cast.staff.post("imports", [invoice(next(numbers)), {"kind": "poem"}])
    world.read_everything()
    deposit = cast.staff.post("evidence", {"sha256": "ab" * 32})
    world.chain.make_block()

    check(description, "/imports", "post", batch)
    check(description, "/evidence", "post", deposit)
    check(description, "/verify", "post", cast.anonymous.ask("POST", "verify", bundle.content))
    check(description, "/evidence/lookup", "post", cast.anonymous.post("evidence/lookup", {"sha256": "ab" * 32}))
    check(description, "/records/search", "post", cast.viewer.post("records/search", {"text": str(twin)}))
    check(description, "/records/{record_id}/deposit", "post", cast.staff.post(f"records/{record}/deposit"))
    check(description, "/pools", "get", cast.regulator.get("pools"))
    check(description, "/inbox", "get", cast.partner.get("inbox"))
    check(description, "/bundles/{share_id}", "get", cast.partner.get(f"bundles/{share}"))
    for path in ("me", "recipients", "pool", "imports", "records", "given", "network"):
        check(description, f"/{path}", "get", cast.viewer.get(path))
    for record_id in (record, twin):
        check(description, "/records/{record_id}", "get", cast.viewer.get(f"records/{record_id}"))
        path = f"records/{record_id}/disclosures"
        check(description, "/records/{record_id}/disclosures", "get", cast.viewer.get(path))
    import_path = f"imports/{batch.json()['id']}"
    check(description, "/imports/{import_id}", "get", cast.viewer.get(import_path))
    check(description, "/imports/{import_id}/items", "get", cast.viewer.get(f"{import_path}/items"))
    check(description, "/me", "get", cast.anonymous.get("me"), status="default")


def check(description: dict[str, Any], path: str, method: str, response: Any, *, status: str | None = None) -> None:
    operation = description["paths"][f"/api/v1{path}"][method]
    described = operation["responses"][status or str(response.status_code)]
    schema = described["content"]["application/json"]["schema"]
    document = {**exact(schema), "components": exact(description["components"])}
    Draft7Validator(document).validate(response.json())


def exact(schema: Any) -> Any:
    """The same schema in JSON Schema's words, and nothing undescribed let through."""
    if isinstance(schema, list):
        return [exact(item) for item in schema]
    if not isinstance(schema, dict):
        return schema
    converted = {name: exact(value) for name, value in schema.items() if name != "nullable"}
    if isinstance(schema.get("properties"), dict) and schema.get("type") == "object":
        converted["additionalProperties"] = False
    return {"anyOf": [converted, {"type": "null"}]} if schema.get("nullable") is True else converted
