"""ISO 4217: how many decimals a currency counts.

List one of ISO 4217, and the codes withdrawn since 2012 that older documents still carry. Codes without a minor unit
("N.A.": metals, bond units, tests) are no currency to invoice in and are left out.
"""

from typing import Final

_BY_EXPONENT: Final = {
    0: "BIF CLP DJF GNF ISK JPY KMF KRW PYG RWF UGX UYI VND VUV XAF XOF XPF",
    2: (
        "AED AFN ALL AMD ANG AOA ARS AUD AWG AZN BAM BBD BDT BGN BMD BND BOB BOV BRL BSD BTN BWP BYN BZD CAD CDF CHE "
        "CHF CHW CNY COP COU CRC CUP CVE CZK DKK DOP DZD EGP ERN ETB EUR FJD FKP GBP GEL GHS GIP GMD GTQ GYD HKD HNL "
        "HTG HUF IDR ILS INR IRR JMD KES KGS KHR KPW KYD KZT LAK LBP LKR LRD LSL MAD MDL MGA MKD MMK MNT MOP MRU MUR "
        "MVR MWK MXN MXV MYR MZN NAD NGN NIO NOK NPR NZD PAB PEN PGK PHP PKR PLN QAR RON RSD RUB SAR SBD SCR SDG SEK "
        "SGD SHP SLE SOS SRD SSP STN SVC SYP SZL THB TJS TMT TOP TRY TTD TWD TZS UAH USD USN UYU UZS VED VES WST XAD "
        "XCD XCG YER ZAR ZMW ZWG"
    ),
    3: "BHD IQD JOD KWD LYD OMR TND",
    4: "CLF UYW",
}
_WITHDRAWN: Final = {
    0: "BYR",
    2: "CUC EEK HRK LTL LVL MRO SLL STD VEF ZMK ZWL",
}

EXPONENTS: Final[dict[str, int]] = {
    code: exponent
    for table in (_BY_EXPONENT, _WITHDRAWN)
    for exponent, codes in table.items()
    for code in codes.split()
}
