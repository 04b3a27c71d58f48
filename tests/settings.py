"""Settings for tests: the product's own, with an environment of their own that never reads var/local.env.

What the caller has set stays: DATABASE_URL picks another server than the embedded one of tests/database.py.
"""

import os
import secrets

for _name, _value in {
    "SECRET_KEY": secrets.token_urlsafe(50),
    "ALLOWED_HOSTS": "localhost,127.0.0.1,testserver",
    "BURSAR_INSECURE_HTTP": "true",
    "BURSAR_READ_LOCAL_ENV": "false",
    # What a sweep does in a test must not depend on how busy the machine is.
    "BURSAR_SWEEP_SECONDS": "600",
}.items():
    os.environ.setdefault(_name, _value)

from controlplane.settings import *  # noqa: E402, F403

# Passwords in tests are not worth guessing; hashing them well costs a tenth of a second each.
PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
# Pages in tests need no collectstatic.
WHITENOISE_AUTOREFRESH = True
STORAGES = {"staticfiles": {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"}}
WHITENOISE_AUTOREFRESH = WHITENOISE_USE_FINDERS = True
