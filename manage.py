#!/usr/bin/env python
"""Django's command line; it speaks for the portal unless DJANGO_SETTINGS_MODULE names another node."""

import os
import sys

from django.core.management import execute_from_command_line

if __name__ == "__main__":
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "apps.config.settings.portal")
    execute_from_command_line(sys.argv)
