"""Tasks are found by when they were last heard of through an index that their updates need not touch."""

import django.contrib.postgres.indexes
from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [
        ("costs", "0019_invoices"),
    ]

    operations = [
        migrations.RemoveIndex(
            model_name="tasktotal",
            name="task_by_last_at",
        ),
        migrations.AddIndex(
            model_name="tasktotal",
            index=django.contrib.postgres.indexes.BrinIndex(
                autosummarize=True, fields=["last_at"], name="task_by_last_heard"
            ),
        ),
    ]
