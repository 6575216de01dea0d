"""The server that the other tests stand on."""

import psycopg
import pytest
from django.contrib.contenttypes.models import ContentType
from psycopg.conninfo import conninfo_to_dict


def test_a_pool_database_belongs_to_its_role_alone(make_database):
    ours, theirs = make_database(), make_database()
    with psycopg.connect(ours) as connection:
        connection.execute("CREATE TABLE record (id int)")
    address = conninfo_to_dict(theirs) | {"dbname": conninfo_to_dict(ours)["dbname"]}
    with pytest.raises(psycopg.OperationalError, match="permission denied for database"):
        psycopg.connect(**address)


@pytest.mark.django_db
def test_the_portals_tables_are_made_on_it():
    assert ContentType.objects.count() > 0
