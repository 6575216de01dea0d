"""Bundles between organisations, and the verdict on one."""

from rest_framework import serializers

from apps.api.serializers.base import Answer, Body
from audit_chain.proof.bundle import Kind
from audit_chain.proof.verdict import Outcome


class Party(Answer):
    name = serializers.CharField()
    display_name = serializers.CharField()


class Bundle(Answer):
    id = serializers.UUIDField()
    sender = Party()
    recipient = Party()
    created = serializers.DateTimeField()
    opened = serializers.DateTimeField(allow_null=True, help_text="When the recipient first looked at it.")


class Bundles(Answer):
    items = Bundle(many=True)
    next = serializers.CharField(allow_null=True)


class Step(Answer):
    number = serializers.IntegerField()
    title = serializers.CharField()
    outcome = serializers.ChoiceField(choices=[outcome.value for outcome in Outcome])
    detail = serializers.CharField()


class Verdict(Answer):
    """What `python -m audit_chain verify --json` says as well."""

    verdict = serializers.ChoiceField(choices=["verified", "refuted"])
    kind = serializers.ChoiceField(choices=[kind.value for kind in Kind])
    sentence = serializers.CharField()
    failed_step = serializers.IntegerField(allow_null=True)
    steps = Step(many=True)
    shows = serializers.DictField(child=serializers.JSONField(), allow_null=True, help_text="null: refuted.")
    does_not_show = serializers.ListField(child=serializers.CharField(), allow_null=True)


class BundleWithVerdict(Bundle):
    """`verdict` is null where this portal's verifier cannot read the bundle any more."""

    verdict = Verdict(allow_null=True)


class VerifyForm(Body):
    bundle = serializers.FileField(allow_empty_file=True)
    sha256 = serializers.CharField(
        required=False, max_length=200, help_text="Of a file: whether the bundle is about this file, too."
    )
