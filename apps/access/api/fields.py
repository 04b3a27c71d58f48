"""Fields of request bodies that more than one app reads."""

from typing import Any

from rest_framework import serializers

MONEY = r"^[0-9]{1,12}(\.[0-9]{1,15})?\Z"


class DecimalText(serializers.RegexField):
    """A decimal number as a string; a JSON number is refused, which may have lost digits on its way."""

    def to_internal_value(self, data: Any) -> str:
        if not isinstance(data, str):
            self.fail("invalid")
        return str(super().to_internal_value(data))


class MoneyField(DecimalText):
    """An amount in USD, not negative."""

    def __init__(self, **more: Any) -> None:
        super().__init__(MONEY, **more)
