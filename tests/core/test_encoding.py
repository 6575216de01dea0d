import base64

import pytest
from hypothesis import given
from hypothesis import strategies as st

from audit_chain.encoding import (
    MAX_UINT63,
    from_base64,
    from_base64url,
    from_decimal,
    from_hex,
    from_time,
    to_base64,
    to_base64url,
    to_hex,
    to_time,
)
from audit_chain.errors import MalformedEncoding

FORMS = [(to_base64, from_base64), (to_base64url, from_base64url), (to_hex, from_hex)]


@pytest.mark.parametrize(("write", "read"), FORMS)
@given(data=st.binary())
def test_bytes_come_back_from_their_text(write, read, data):
    assert read(write(data)) == data


@pytest.mark.parametrize(("write", "read"), [*FORMS, (str, from_decimal), (to_time, from_time)])
@given(text=st.text(alphabet="09afAF+/-_=Tz:Z \n\u0660", max_size=24) | st.text())
def test_any_text_is_the_one_spelling_of_its_value_or_malformed(write, read, text):
    try:
        value = read(text)
    except MalformedEncoding:
        return
    assert write(value) == text


@pytest.mark.parametrize("text", ["YQ", "YQ=", "YQ===", "YR==", "YQ==\n", " YQ==", "Y Q==", "Y-Q=", "YQ==YQ==", "é==="])
def test_base64_with_another_spelling_is_refused(text):
    with pytest.raises(MalformedEncoding):
        from_base64(text)


@pytest.mark.parametrize("text", ["YQ==", "YR", "Y+8", "Y/8", "Y", "YQ\n", "é"])
def test_url_safe_base64_with_another_spelling_is_refused(text):
    with pytest.raises(MalformedEncoding):
        from_base64url(text)


def test_url_safe_base64_is_rfc_4648_section_5_without_padding():
    data = bytes(range(251, 256))
    assert to_base64url(data) == base64.urlsafe_b64encode(data).decode().rstrip("=")


@pytest.mark.parametrize("text", ["AB", "a", "a b", "0xab", "ab\n", "é0"])
def test_hex_with_another_spelling_is_refused(text):
    with pytest.raises(MalformedEncoding):
        from_hex(text)


@pytest.mark.parametrize(
    "text", ["", "00", "01", "+1", "-1", "1 ", "1_0", "\u0661", "1e3", str(MAX_UINT63 + 1), "9" * 5000]
)
def test_a_decimal_has_no_leading_zeros_no_sign_and_fits_63_bits(text):
    with pytest.raises(MalformedEncoding):
        from_decimal(text)


def test_the_largest_decimal_is_read():
    assert from_decimal(str(MAX_UINT63)) == MAX_UINT63


def test_a_time_is_seconds_in_utc():
    assert from_time("2026-11-22T15:40:00Z") == 1795362000
    assert to_time(1795362000) == "2026-11-22T15:40:00Z"
    assert to_time(from_time("0999-01-01T00:00:00Z")) == "0999-01-01T00:00:00Z"


@pytest.mark.parametrize(
    "text",
    [
        "2026-11-22T15:40:00",
        "2026-11-22T15:40:00+00:00",
        "2026-11-22T15:40:00.0Z",
        "2026-11-22 15:40:00Z",
        "2026-11-22t15:40:00z",
        "2026-02-29T00:00:00Z",
        "2026-11-22T24:00:00Z",
        "2026-11-22T23:59:60Z",
        "0000-01-01T00:00:00Z",
        "2026-W47-7T15:40:00Z",
    ],
)
def test_a_time_with_another_spelling_is_refused(text):
    with pytest.raises(MalformedEncoding):
        from_time(text)
