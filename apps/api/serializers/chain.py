"""The shared chain: where it stands, and how far each pool has committed."""

from rest_framework import serializers

from apps.api.serializers.base import Answer, Body
from apps.exchange.supervision import PoolState
from apps.network.beacon_api import BlockSummary


class Block(Answer):
    number = serializers.IntegerField()
    epoch = serializers.IntegerField()
    time = serializers.DateTimeField()
    size = serializers.IntegerField(help_text="Entries of the chain up to its end.")
    root = serializers.SerializerMethodField(help_text="Root of the tree of `size`, in hexadecimal digits.")
    final = serializers.BooleanField()
    cosigners = serializers.ListField(child=serializers.CharField())

    def get_root(self, block: BlockSummary) -> str:
        return block.root.hex()


class Cosigned(Answer):
    size = serializers.IntegerField()
    block = serializers.IntegerField()
    time = serializers.DateTimeField()


class Validator(Answer):
    name = serializers.CharField()
    url = serializers.CharField(allow_null=True, help_text="Null where this portal does not know it.")
    keys = serializers.ListField(child=serializers.CharField())
    weight = serializers.IntegerField(help_text="In balance units: a billion to one unit of weight.")
    status = serializers.CharField(help_text="pending, active, exiting, exited or slashed.")
    votes = serializers.IntegerField(help_text="In the last `epochs` epochs.")
    epochs = serializers.IntegerField()
    cosigned = Cosigned(allow_null=True, help_text="The greatest tree that it has signed.")


class Network(Answer):
    network = serializers.CharField()
    size = serializers.IntegerField(help_text="Entries of the shared chain.")
    final_size = serializers.IntegerField(help_text="Up to where everything is final.")
    waiting = serializers.IntegerField(help_text="Entries handed in that are not final yet.")
    epoch = serializers.IntegerField(help_text="The current one.")
    justified_epoch = serializers.IntegerField()
    finalized_epoch = serializers.IntegerField()
    head = Block(allow_null=True, help_text="The newest block.")
    validators = Validator(many=True)


class Crosslink(Answer):
    index = serializers.IntegerField(help_text="Its entry on the shared chain.")
    epoch = serializers.IntegerField(help_text="Of the committee that signed.")
    block = serializers.IntegerField()
    time = serializers.DateTimeField()
    final = serializers.BooleanField()


class SupervisedPool(Answer):
    name = serializers.CharField()
    owner = serializers.CharField(source="member")
    owner_display_name = serializers.CharField(source="display_name")
    registered = serializers.DateTimeField()
    size = serializers.IntegerField(help_text="Entries of its log that it has committed to: at least its records.")
    crosslink = Crosslink(allow_null=True, help_text="The newest; null before the first.")
    lag = serializers.IntegerField(source="lag_seconds", allow_null=True, help_text="Seconds since then.")
    status = serializers.ChoiceField(choices=[state.value for state in PoolState])
    committee = serializers.ListField(
        child=serializers.CharField(), help_text="Validators that sign what it commits to next."
    )


class SupervisedPools(Answer):
    items = SupervisedPool(many=True)


class Alert(Answer):
    kind = serializers.CharField()
    subject = serializers.CharField(help_text="A validator, a pool, a log or the network.")
    since = serializers.DateTimeField()
    cleared = serializers.DateTimeField(allow_null=True, help_text="Null while it is open.")
    detail = serializers.CharField()
    evidence = serializers.CharField(
        allow_null=True, help_text="SHA-256 of the file that proves it: `POST /alerts/evidence`."
    )


class Alerts(Answer):
    items = Alert(many=True)


class EvidenceOfAlert(Body):
    evidence = serializers.CharField(max_length=64, help_text="As the alert tells it.")


class OwnPool(Answer):
    """How far the organisation's own pool has come. Counts are of entries of its log, unless they say otherwise."""

    name = serializers.CharField()
    records = serializers.IntegerField(source="status.records", help_text="Records.")
    entries = serializers.IntegerField(source="status.entries")
    sealed = serializers.IntegerField(source="status.reach.sealed")
    anchored = serializers.IntegerField(source="status.reach.anchored")
    final = serializers.IntegerField(source="status.reach.final")
    last_sealed = serializers.DateTimeField(source="status.last_sealed", allow_null=True)
    last_anchored = serializers.DateTimeField(source="status.last_anchored", allow_null=True)
    last_final = serializers.DateTimeField(source="status.last_final", allow_null=True)
    settled = serializers.BooleanField(source="status.settled", help_text="Everything is final.")
