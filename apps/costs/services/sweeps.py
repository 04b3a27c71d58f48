"""Notes how each kind of background work ended, and since when it has not caught up, for the Health page."""

from django.db import connection


def note(name: str, *, words: str, behind: bool) -> None:
    """The sweep `name` has ended just now; `behind` says that work is left."""
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO costs_sweep AS s (name, ran_at, behind_since, words)"
            " VALUES (%(name)s, now(), CASE WHEN %(behind)s THEN now() END, %(words)s)"
            " ON CONFLICT (name) DO UPDATE SET ran_at = now(), words = excluded.words,"
            " behind_since = CASE WHEN %(behind)s THEN coalesce(s.behind_since, now()) END",
            {"name": name, "behind": behind, "words": words},
        )
