"""Conversations are found by coarse values that seldom change, so that most of their updates touch no index."""

from django.db import migrations, models

COST_CLASS = (
    "width_bucket((%(expressions)s)::float8, '{1e-6,2e-6,5e-6,1e-5,2e-5,5e-5,1e-4,2e-4,5e-4,1e-3,2e-3,5e-3,1e-2,2e-2,"
    "5e-2,1e-1,2e-1,5e-1,1e0,2e0,5e0,1e1,2e1,5e1,1e2,2e2,5e2,1e3,2e3,5e3,1e4,2e4,5e4,1e5,2e5,5e5}'::float8[])"
)


class Migration(migrations.Migration):
    dependencies = [
        ("costs", "0025_compressed_calls"),
    ]

    operations = [
        migrations.RemoveIndex(
            model_name="conversationtotal",
            name="conversation_by_cost",
        ),
        migrations.RemoveIndex(
            model_name="conversationtotal",
            name="conversation_by_last_at",
        ),
        migrations.AddField(
            model_name="conversationtotal",
            name="cost_class",
            field=models.GeneratedField(
                db_persist=True,
                expression=models.Func("cost_usd", template=COST_CLASS),
                output_field=models.IntegerField(),
            ),
        ),
        migrations.AddField(
            model_name="conversationtotal",
            name="last_hour",
            field=models.GeneratedField(
                db_persist=True,
                expression=models.Func("last_at", template="date_bin('1 hour', %(expressions)s, '2000-01-01+00')"),
                output_field=models.DateTimeField(),
            ),
        ),
        migrations.AddIndex(
            model_name="conversationtotal",
            index=models.Index(fields=["-cost_class"], name="conversation_by_class"),
        ),
        migrations.AddIndex(
            model_name="conversationtotal",
            index=models.Index(fields=["-last_hour"], name="conversation_by_hour"),
        ),
    ]
