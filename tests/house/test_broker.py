"""Where the task queue is, by one variable."""

import psycopg
import pytest
from django.conf import settings

from apps.config.celery import app, broker_settings
from apps.launch import databases


def test_a_queue_in_postgresql_is_found_by_its_socket_folder():
    found = broker_settings("pgmq://broker:secret@/broker?host=%2Fsome%2FFolder")
    assert found["broker_read_url"] == found["broker_write_url"] == "pgmq://conn-string"
    options = found["broker_transport_options"]
    assert set(options["conn_string"].split()) == {
        "user=broker",
        "password=secret",
        "dbname=broker",
        "host=/some/Folder",
    }
    assert options["init_extension"] is False


@pytest.mark.parametrize("url", ["amqp://user:secret@mq.example//", "redis://mq.example/0"])
def test_rabbitmq_and_redis_are_passed_on(url):
    assert broker_settings(url)["broker_write_url"] == url


def test_the_queue_is_installed_once(make_database):
    url = make_database().replace("postgresql://", "pgmq://")
    databases.ensure_broker(url)
    with psycopg.connect(url.replace("pgmq://", "postgresql://")) as connection:
        connection.execute("SELECT pgmq.create('kept')")
    databases.ensure_broker(url)
    with psycopg.connect(url.replace("pgmq://", "postgresql://")) as connection:
        assert connection.execute("SELECT count(*) FROM pgmq.q_kept").fetchone() == (0,)


def test_sweeps_that_waited_too_long_are_dropped():
    sweep = app.conf.beat_schedule["sweep"]
    assert sweep["options"]["expires"] <= 2 * sweep["schedule"]


def test_no_task_leaves_a_result_or_a_file_outside_the_data_folder():
    assert app.conf.task_ignore_result
    assert str(settings.VAR_DIR) in app.conf.beat_schedule_filename
