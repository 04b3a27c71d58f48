"""Finds the calls whose prompts were compressed: few among many, so the index holds them alone."""

from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [
        ("costs", "0024_fold_tasks"),
    ]

    operations = [
        migrations.RunSQL(
            "CREATE INDEX usage_compressed ON costs_usagerecord (occurred_at)"
            " WHERE compressed OR compression_id IS NOT NULL",
            "DROP INDEX usage_compressed",
        ),
    ]
