"""What a log need not tell at length."""

import logging


class AwayInOneLine(logging.Filter):
    """That nobody reaches the database is one line, not the forty of where it was noticed: sweeps do so every second.

    What a statement met, as a lock or its own length, keeps its traceback.
    """

    def filter(self, record: logging.LogRecord) -> bool:
        """Take the traceback from such a record; all are kept."""
        from controlplane.problems import is_unreachable  # it needs the apps, which are not there yet when logs begin

        if record.exc_info and is_unreachable(record.exc_info[1]):
            record.msg, record.args = " ".join(record.getMessage().split()), ()
            record.exc_info = record.exc_text = None
        return True
