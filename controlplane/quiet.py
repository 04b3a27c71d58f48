"""What a log need not tell at length."""

import logging


class AwayInOneLine(logging.Filter):
    """That the database is away is one line, not the forty of where that was noticed: sweeps notice it every second."""

    def filter(self, record: logging.LogRecord) -> bool:
        """Take the traceback from such a record; all are kept."""
        from controlplane.problems import is_database_away  # it needs the apps, which are not there yet when logs begin

        if record.exc_info and is_database_away(record.exc_info[1]):
            record.msg, record.args = " ".join(record.getMessage().split()), ()
            record.exc_info = record.exc_text = None
        return True
