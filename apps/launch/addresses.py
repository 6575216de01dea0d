"""Where the network's nodes answer: written into the network file at each start, and nothing else of it."""

from dataclasses import replace

from apps.launch.errors import LaunchError
from apps.launch.installation import NETWORK, VALIDATORS, Installation
from apps.network import genesis
from apps.network.errors import NetworkFileInvalid
from apps.network.key_files import write_durably


def is_founded(place: Installation) -> bool:
    return place.network_file.exists()


def found(place: Installation) -> None:
    """Makes all keys, and the network file that names them."""
    try:
        genesis.create(
            place.var_dir,
            network=NETWORK,
            beacon_url=place.beacon_url,
            validators=[(name, place.validator_url(name)) for name in VALIDATORS],
        )
    except NetworkFileInvalid as error:
        raise LaunchError(str(error)) from error


def update(place: Installation) -> None:
    """Brings the addresses up to date. The keys of nodes that have moved away need not be here."""
    try:
        known = genesis.load(place.network_file)
    except NetworkFileInvalid as error:
        raise LaunchError(str(error)) from error
    names = [validator.name for validator in known.validators]
    if names != list(VALIDATORS):
        raise LaunchError(f"{place.network_file} is of another network: expected {VALIDATORS}, got {names}.")
    validators = (replace(validator, url=place.validator_url(validator.name)) for validator in known.validators)
    wanted = replace(known, beacon=replace(known.beacon, url=place.beacon_url), validators=tuple(validators))
    if wanted != known:
        draft = place.network_file.with_suffix(".new")
        write_durably(draft, wanted.render(), mode=0o600)
        draft.replace(place.network_file)
