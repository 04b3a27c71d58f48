"""Names become numbers once, whichever process meets them, and a process that meets known ones writes nothing."""

import pytest
from django.db import connection

from apps.costs.domain.kinds import LabelKind
from apps.costs.services import names

CELLS = [(1, agent, model, 0, 0, 0, status) for agent in (1, 2) for model in (1, 2) for status in (0, 1)]
LABELS = [(int(kind), name) for kind in (LabelKind.USER, LabelKind.TOOL) for name in ("ann", "bob", 'c "d" {e}')]
MODELS = [("openai", "gpt-4.1"), ("", "gpt-4.1")]


@pytest.mark.django_db
@pytest.mark.parametrize("most", [20_000, 1])
def test_another_process_finds_what_the_first_one_made(most: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(names, "MOST_READ_AHEAD", most)
    made = names.cell_ids(CELLS[:3]), names.label_ids(LABELS[:4]), names.model_ids(MODELS)
    before = _numbers_given()

    names.forget()
    found = names.cell_ids(CELLS[:3]), names.label_ids(LABELS[:4]), names.model_ids(MODELS)

    assert (found, _numbers_given()) == (made, before)


@pytest.mark.django_db
def test_known_and_new_names_mix() -> None:
    first = names.cell_ids(CELLS[:3])
    names.forget()
    assert names.cell_ids(CELLS[2:3]) == {CELLS[2]: first[CELLS[2]]}
    every = names.cell_ids(CELLS)
    assert first.items() <= every.items()
    assert len(set(every.values())) == len(CELLS)
    labels = names.label_ids(LABELS)
    assert len(set(labels.values())) == len(LABELS)
    assert names.label_ids(LABELS[::-1]) == labels


@pytest.mark.django_db
def test_the_cells_of_an_agent_are_read_at_once() -> None:
    made = names.cell_ids(CELLS)
    names.forget()
    names.cell_ids(CELLS[:1])
    with connection.cursor() as cursor:
        cursor.execute("DELETE FROM costs_cell")
    assert names.cell_ids(CELLS[:4]) == {key: made[key] for key in CELLS[:4]}


def _numbers_given() -> list[int]:
    """How often each table was asked for a new number, also when nothing was stored under it."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT last_value FROM pg_sequences"
            " WHERE sequencename ~ 'costs_(cell|label|usedmodel)_id_seq' ORDER BY sequencename"
        )
        return [row[0] for row in cursor.fetchall()]
