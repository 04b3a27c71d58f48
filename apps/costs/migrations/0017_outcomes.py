"""Outcomes, and the tasks they judge; tasks of the usage there is are added up from its records."""

import django.db.models.functions.datetime
from django.db import migrations, models

# An update of sums and verdicts touches no index when it finds room on its page.
STORAGE = "ALTER TABLE costs_tasktotal SET (fillfactor = 70)"
INDEXES = """
CREATE INDEX usage_by_task ON costs_usagerecord (task_id) WHERE task_id IS NOT NULL;
CREATE INDEX usage_by_decision ON costs_usagerecord (decision_id) WHERE decision_id IS NOT NULL;
"""
NO_INDEXES = "DROP INDEX usage_by_task; DROP INDEX usage_by_decision"
# Tasks begin with their first call; one without calls with its first tool execution.
FILL = """
INSERT INTO costs_tasktotal (
    project_id, task_id, first_at, first_id, cell_id, last_at, calls, error_calls, tool_executions, unpriced_calls,
    input_tokens, output_tokens, cache_read_input_tokens, cost_usd
)
SELECT project_id, task, (array_agg(occurred_at ORDER BY is_tool, occurred_at, usage_id COLLATE "C"))[1],
    (array_agg(usage_id ORDER BY is_tool, occurred_at, usage_id COLLATE "C"))[1],
    (array_agg(cell_id ORDER BY is_tool, occurred_at, usage_id COLLATE "C"))[1], max(occurred_at),
    coalesce(sum(calls) FILTER (WHERE NOT is_tool), 0),
    count(*) FILTER (WHERE NOT is_tool AND calls = 1 AND status = 1),
    coalesce(sum(calls) FILTER (WHERE is_tool), 0),
    coalesce(sum(calls) FILTER (WHERE NOT is_tool AND cost_usd IS NULL), 0),
    sum(input_tokens), sum(output_tokens), sum(cache_read_input_tokens), coalesce(sum(cost_usd), 0)
FROM (
    SELECT r.*, c.status, coalesce(nullif(r.task_id, ''), nullif(r.conversation_id, '')) AS task,
        coalesce(l.name = 'execute_tool', false) AS is_tool
    FROM costs_usagerecord r JOIN costs_cell c ON c.id = r.cell_id LEFT JOIN costs_label l ON l.id = r.operation_id
) r WHERE task IS NOT NULL GROUP BY 1, 2;
INSERT INTO costs_outcome (
    project_id, origin, outcome_id, target, target_id, task_id, settled_at, success, quality, source, task_type, note,
    occurred_at, key_id
)
SELECT r.project_id, 1, r.usage_id, 4, r.usage_id, coalesce(nullif(r.task_id, ''), nullif(r.conversation_id, '')),
    r.occurred_at, r.success, round(r.quality::numeric, 6), 4, coalesce(l.name, ''), '', r.occurred_at, r.key_id
FROM costs_usagerecord r JOIN costs_cell c ON c.id = r.cell_id LEFT JOIN costs_label l ON l.id = c.task_type_id
WHERE r.success IS NOT NULL OR r.quality IS NOT NULL;
UPDATE costs_tasktotal t SET success = s.success, success_source = 4
FROM (SELECT DISTINCT ON (project_id, task_id) project_id, task_id, success FROM costs_outcome WHERE success IS NOT NULL
      ORDER BY project_id, task_id, occurred_at DESC, outcome_id DESC) s
WHERE t.project_id = s.project_id AND t.task_id = s.task_id;
UPDATE costs_tasktotal t SET quality = s.quality, quality_source = 4
FROM (SELECT DISTINCT ON (project_id, task_id) project_id, task_id, quality FROM costs_outcome WHERE quality IS NOT NULL
      ORDER BY project_id, task_id, occurred_at DESC, outcome_id DESC) s
WHERE t.project_id = s.project_id AND t.task_id = s.task_id;
"""


class Migration(migrations.Migration):
    dependencies = [
        ("costs", "0016_exposition"),
    ]

    operations = [
        migrations.CreateModel(
            name="Outcome",
            fields=[
                ("id", models.BigAutoField(primary_key=True, serialize=False)),
                ("project_id", models.IntegerField()),
                ("origin", models.SmallIntegerField(help_text="an OutcomeOrigin")),
                (
                    "outcome_id",
                    models.TextField(db_collation="C", help_text="the sender's id, or that of the usage record"),
                ),
                (
                    "fingerprint",
                    models.UUIDField(help_text="first 16 bytes of the SHA-256 of the outcome as sent", null=True),
                ),
                ("target", models.SmallIntegerField(help_text="an OutcomeTarget")),
                ("target_id", models.TextField()),
                (
                    "task_id",
                    models.TextField(db_collation="C", help_text="the task it judges, once that is known", null=True),
                ),
                ("settled_at", models.DateTimeField(help_text="null while its target is unknown", null=True)),
                ("success", models.BooleanField(null=True)),
                ("quality", models.DecimalField(decimal_places=6, max_digits=7, null=True)),
                ("source", models.SmallIntegerField(help_text="an OutcomeSource")),
                ("task_type", models.TextField(blank=True, default="")),
                ("note", models.TextField(blank=True, default="")),
                ("occurred_at", models.DateTimeField()),
                ("received_at", models.DateTimeField(db_default=django.db.models.functions.datetime.Now())),
                ("key_id", models.BigIntegerField(null=True)),
                ("user_id", models.BigIntegerField(null=True)),
            ],
            options={
                "indexes": [
                    models.Index(
                        condition=models.Q(("task_id__isnull", False)),
                        fields=["project_id", "task_id"],
                        name="outcome_by_task",
                    ),
                    models.Index(
                        condition=models.Q(("settled_at__isnull", True)), fields=["received_at"], name="outcome_waiting"
                    ),
                ],
                "constraints": [
                    models.UniqueConstraint(fields=("project_id", "origin", "outcome_id"), name="outcome_once")
                ],
            },
        ),
        migrations.CreateModel(
            name="TaskTotal",
            fields=[
                (
                    "pk",
                    models.CompositePrimaryKey(
                        "project_id", "task_id", blank=True, editable=False, primary_key=True, serialize=False
                    ),
                ),
                ("project_id", models.IntegerField()),
                ("task_id", models.TextField(db_collation="C")),
                ("first_at", models.DateTimeField(null=True)),
                (
                    "first_id",
                    models.TextField(db_collation="C", db_default="", help_text="the usage id of the first call"),
                ),
                ("cell_id", models.IntegerField(db_default=0, help_text="the cell of the first call")),
                ("last_at", models.DateTimeField(db_default=django.db.models.functions.datetime.Now())),
                ("calls", models.BigIntegerField(db_default=0)),
                ("error_calls", models.BigIntegerField(db_default=0)),
                ("tool_executions", models.BigIntegerField(db_default=0)),
                ("unpriced_calls", models.BigIntegerField(db_default=0)),
                ("input_tokens", models.BigIntegerField(db_default=0)),
                ("output_tokens", models.BigIntegerField(db_default=0)),
                ("cache_read_input_tokens", models.BigIntegerField(db_default=0)),
                ("cost_usd", models.DecimalField(db_default=0, decimal_places=15, max_digits=38)),
                ("success", models.BooleanField(null=True)),
                ("success_source", models.SmallIntegerField(help_text="an OutcomeSource", null=True)),
                ("quality", models.DecimalField(decimal_places=6, max_digits=7, null=True)),
                ("quality_source", models.SmallIntegerField(help_text="an OutcomeSource", null=True)),
            ],
            options={
                "indexes": [
                    models.Index(fields=["first_at"], name="task_by_first_at"),
                    models.Index(fields=["last_at"], name="task_by_last_at"),
                ],
            },
        ),
        migrations.RunSQL(STORAGE, migrations.RunSQL.noop),
        migrations.RunSQL(INDEXES, NO_INDEXES),
        migrations.RunSQL(FILL, migrations.RunSQL.noop),
    ]
