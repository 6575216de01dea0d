"""What the records page asks for. It is sent in a body: what people look for does not belong into an address."""

import re
from decimal import Decimal
from typing import Any

from django import forms

from apps.portal.forms import PlainForm
from apps.portal.wording import KIND_NAMES, LIFE_NAMES
from data_pool.documents.currency import EXPONENTS
from data_pool.life import Stage
from data_pool.search import RecordQuery

_AMOUNT = re.compile(
    r"(?P<sign>-?)(?P<whole>[0-9]{1,13})(?:[.,](?P<fraction>[0-9]{1,4}))?(?: ?(?P<currency>[A-Za-z]{3}))?"
)
_GROUPED = re.compile(r"(?<=[0-9])[,.' \u00a0\u202f](?=[0-9]{3}(?:[^0-9]|$))")


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
    """5,355.00 or 5.355,00 EUR -> 535500; an amount without a currency is read with two decimals."""
    compact = _GROUPED.sub("", text.strip())
    if not compact:
        return None
    found = _AMOUNT.fullmatch(compact)
    if found is None:
        raise forms.ValidationError("An amount looks like 5,355.00 or 5,355.00 EUR.")
    exponent = EXPONENTS.get((found["currency"] or "").upper(), 2)
    amount = Decimal(f"{found['sign']}{found['whole']}.{found['fraction'] or 0}").scaleb(exponent)
    if amount != amount.to_integral_value():
        raise forms.ValidationError("This has more decimals than the currency.")
    return int(amount)
