from django.apps import AppConfig


class BeaconConfig(AppConfig):
    name = "apps.beacon"
    verbose_name = "Beacon"
