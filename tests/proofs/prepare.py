"""Run as a process: migrates an empty database, loads a small price book, and prints a key that may do everything."""

import django

django.setup()

from django.core.management import call_command  # noqa: E402

from apps.access.domain.identity import Role  # noqa: E402
from tests.cast import make_person  # noqa: E402
from tests.costs.posting import load_prices  # noqa: E402

if __name__ == "__main__":
    from apps.access.domain.identity import ALL_SCOPES
    from apps.access.services.keys import create_key

    call_command("migrate", verbosity=0)
    load_prices()
    owner = make_person("alice@example.org", Role.OWNER)
    print(create_key(caller=owner.caller(), name="proofs", scopes=ALL_SCOPES).secret)
