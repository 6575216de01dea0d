"""What the records page asks for. It is sent in a body: what people look for does not belong into an address."""

import re
from typing import Any

from django import forms

from apps.portal.forms import PlainForm
from apps.portal.wording import KIND_NAMES, LIFE_NAMES
from data_pool.documents.currency import EXPONENTS
from data_pool.life import Stage
from data_pool.search import RecordQuery

_AMOUNT = re.compile(r"(?P<sign>-?)(?P<number>[0-9][0-9 .,'\u00a0\u202f]{0,30}?)(?: ?(?P<currency>[A-Za-z]{3}))?")
_LIKE = "An amount looks like 5,355.00 or 5,355.00 EUR."
_TAIL = re.compile(r"[.,](?P<digits>[0-9]{1,4})$")
_WHOLE = re.compile(r"[0-9]{1,13}|[0-9]{1,3}(?:(?P<by>[ .,'\u00a0\u202f])[0-9]{3})(?:(?P=by)[0-9]{3}){0,3}")


class SearchForm(PlainForm):
    text = forms.CharField(
        label="Number or partner", required=False, max_length=200, widget=forms.TextInput(attrs={"type": "search"})
    )
    amount = forms.CharField(
        label="Amount", required=False, max_length=30, widget=forms.TextInput(attrs={"size": 12, "inputmode": "text"})
    )
    kind = forms.ChoiceField(label="Kind", required=False, choices=[("", "All kinds"), *KIND_NAMES.items()])
    state = forms.ChoiceField(label="State", required=False, choices=[("", "Any state"), *LIFE_NAMES.items()])
    date_from = forms.DateField(label="Issued from", required=False, widget=forms.DateInput(attrs={"type": "date"}))
    date_to = forms.DateField(label="Issued until", required=False, widget=forms.DateInput(attrs={"type": "date"}))
    before = forms.IntegerField(required=False, min_value=0, max_value=2**53, widget=forms.HiddenInput)

    def clean_amount(self) -> int | None:
        return minor_units(self.cleaned_data["amount"])

    def clean(self) -> dict[str, Any]:
        values = super().clean() or {}
        first, last = values.get("date_from"), values.get("date_to")
        if first and last and first > last:
            self.add_error("date_to", "This is before the first day.")
        return values

    def query(self) -> RecordQuery:
        values = self.cleaned_data
        return RecordQuery(
            text=values["text"] or None,
            amount=values["amount"],
            kind=values["kind"] or None,
            life=Stage(values["state"]) if values["state"] else None,
            date_from=values["date_from"],
            date_to=values["date_to"],
        )


def minor_units(text: str) -> int | None:
    """5,355.00 or 5.355,00 EUR -> 535500; an amount without a currency is read with two decimals.

    Three digits after the last separator are thousands, unless the currency has three decimals.
    """
    if not text.strip():
        return None
    found = _AMOUNT.fullmatch(text.strip())
    if found is None:
        raise forms.ValidationError(_LIKE)
    exponent = EXPONENTS.get((found["currency"] or "").upper(), 2)
    whole, fraction = found["number"], ""
    tail = _TAIL.search(whole)
    if tail is not None and (len(tail["digits"]) != 3 or exponent == 3):
        whole, fraction = whole[: tail.start()], tail["digits"]
    if not _WHOLE.fullmatch(whole):
        raise forms.ValidationError(_LIKE)
    if len(fraction) > exponent and fraction[exponent:].strip("0"):
        raise forms.ValidationError("This has more decimals than the currency.")
    digits = "".join(filter(str.isdecimal, whole)) + fraction[:exponent].ljust(exponent, "0")
    return int(found["sign"] + digits)
