"""Numbers as people type or paste them, for forms and files."""

import re

_THOUSANDS = re.compile(r"[1-9]\d{0,2}(,\d{3})+(\.\d*)?")


def plain_number(text: str) -> str:
    """The number without a dollar sign in front and commas between thousands.

    A comma elsewhere stays, so that whoever reads the number refuses it: where "0,25" means a quarter, 25 would be a
    hundred times as much.
    """
    found = text.strip().removeprefix("$").strip()
    return found.replace(",", "") if _THOUSANDS.fullmatch(found) else found
