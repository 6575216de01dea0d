"""Settings for tests: the portal's, in a folder of their own.

Neither `.env` nor a network that runs in this checkout has a say.
"""

import os
import tempfile

if "PYTEST_XDIST_WORKER" not in os.environ:  # The workers inherit the folder from the session that started them.
    os.environ["VAR_DIR"] = tempfile.mkdtemp(prefix=f"tallystick-test-{os.getpid()}-", dir="/var/tmp")
os.environ["ENV_FILE"] = os.path.join(os.environ["VAR_DIR"], "no-env-file")  # noqa: PTH118
FOR_TESTS_ALONE = {
    "SECRET_KEY": "only-for-tests",
    "CELERY_BROKER_URL": "memory://",
    "BEACON_OPERATOR_TOKEN": "operator-token-for-tests",
    "PORTAL_DATABASE_URL": "postgresql:///set-by-conftest",
}
os.environ.update(FOR_TESTS_ALONE)

from apps.config.settings.portal import *  # noqa: E402, F403  (the environment comes first)

PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
