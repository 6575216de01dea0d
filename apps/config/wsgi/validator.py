"""The validator as a WSGI application, for waitress or any other server."""

import os

from django.core.wsgi import get_wsgi_application

os.environ["DJANGO_SETTINGS_MODULE"] = "apps.config.settings.validator"

application = get_wsgi_application()
