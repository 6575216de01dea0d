"""Evidence: fingerprints of files on the shared chain."""

from rest_framework import serializers

from apps.api.serializers.base import Answer, Body
from apps.exchange.models import Deposit as DepositRow
from audit_chain.canonical import MAX_INTEGER


class Fingerprint(Body):
    sha256 = serializers.CharField(max_length=200, help_text="64 hexadecimal digits.")


class Prove(Fingerprint):
    index = serializers.IntegerField(min_value=0, max_value=MAX_INTEGER, help_text="As the look-up told it.")


class Deposit(Answer):
    sha256 = serializers.SerializerMethodField()
    member = serializers.CharField(source="organisation.name")
    created = serializers.DateTimeField(help_text="When this organisation first deposited it.")

    def get_sha256(self, deposit: DepositRow) -> str:
        return bytes(deposit.digest).hex()


class Finding(Answer):
    member = serializers.CharField()
    display_name = serializers.CharField()
    index = serializers.IntegerField(help_text="Its entry on the shared chain.")
    block = serializers.IntegerField()
    time = serializers.DateTimeField(help_text="By the chain's own word; the proof says by when validators had signed.")
    final = serializers.BooleanField()


class FinalState(Answer):
    block = serializers.IntegerField(help_text="Whose seal commits to the state.")
    time = serializers.DateTimeField(help_text="When it was sealed, by the chain's own word.")


class Findings(Answer):
    sha256 = serializers.CharField()
    deposits = Finding(many=True)
    final_state = FinalState(
        allow_null=True,
        help_text="The state that `POST /evidence/answer` proves the answer with; null while nothing is final.",
    )
