"""Amounts of money as clients write them: a decimal string or a number, in the account's currency."""

from decimal import ROUND_DOWN, Decimal, InvalidOperation
from typing import Annotated

from pydantic import BeforeValidator, TypeAdapter

MOST = 1_000_000
_LONGEST = 30
_EXACT = Decimal("0.0001")
_WRONG = f'must be an amount in the account\'s currency from 0 to {MOST}, as in "0.05"'


def _amount(value: object) -> Decimal:
    if isinstance(value, bool) or not isinstance(value, str | int | float | Decimal):
        raise ValueError(_WRONG)
    text = str(value).strip()
    try:
        amount = Decimal(text)
    except InvalidOperation:
        raise ValueError(_WRONG) from None
    if len(text) > _LONGEST or not amount.is_finite() or not 0 <= amount <= MOST:
        raise ValueError(_WRONG)
    # Prices have no more decimals, so that this changes no comparison with one.
    return amount if amount == amount.quantize(_EXACT, ROUND_DOWN) else amount.quantize(_EXACT, ROUND_DOWN)


def _limit(value: object) -> Decimal:
    """What is kept, and shown to people, is what they wrote: 0.00001 would become 0, and stop everything."""
    amount = _amount(value)
    if amount != Decimal(str(value).strip()):
        raise ValueError(f"must have at most {-int(_EXACT.as_tuple().exponent)} decimals")
    return amount


Amount = Annotated[Decimal, BeforeValidator(_amount)]
Limit = Annotated[Decimal, BeforeValidator(_limit)]
AMOUNT: TypeAdapter[Decimal] = TypeAdapter(Amount)
