"""The shared chain: where it stands, and how far each pool has committed."""

from rest_framework import serializers

from apps.api.serializers.base import Answer
from apps.exchange.supervision import PoolState
from apps.network.beacon_api import BlockSummary


class Block(Answer):
    number = serializers.IntegerField()
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
    url = serializers.CharField()
    keys = serializers.ListField(child=serializers.CharField())
    weight = serializers.IntegerField()
    cosigned = Cosigned(allow_null=True, help_text="The greatest tree that it has signed.")


class Network(Answer):
    network = serializers.CharField()
    size = serializers.IntegerField(help_text="Entries of the shared chain.")
    final_size = serializers.IntegerField(help_text="As far as enough validators have signed.")
    head = Block(allow_null=True, help_text="The newest block.")
    validators = Validator(many=True)


class Crosslink(Answer):
    index = serializers.IntegerField(help_text="Its entry on the shared chain.")
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


class SupervisedPools(Answer):
    items = SupervisedPool(many=True)


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
