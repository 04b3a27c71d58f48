"""Fields of request bodies that more than one app reads."""

from typing import Any

from rest_framework import serializers

MONEY = r"^[0-9]{1,12}(\.[0-9]{1,15})?\Z"


class Text(serializers.CharField):
    """A string as it was sent; another JSON value is no name."""

    def to_internal_value(self, data: Any) -> str:
        if not isinstance(data, str):
            self.fail("invalid")
        return str(super().to_internal_value(data))


class Whole(serializers.IntegerField):
    """A whole number of JSON; a string is none."""

    def to_internal_value(self, data: Any) -> int:
        if isinstance(data, bool) or not isinstance(data, int):
            self.fail("invalid")
        return int(super().to_internal_value(data))


class DecimalText(serializers.RegexField):
    """A decimal number as a string; a JSON number is refused, which may have lost digits on its way.

    Digits are those from 0 to 9: a pattern's own `\\d` is any of Unicode's.
    """

    def to_internal_value(self, data: Any) -> str:
        if not (isinstance(data, str) and data.isascii()):
            self.fail("invalid")
        return str(super().to_internal_value(data))


class MoneyField(DecimalText):
    """An amount in USD, not negative."""

    def __init__(self, **more: Any) -> None:
        super().__init__(MONEY, **more)
