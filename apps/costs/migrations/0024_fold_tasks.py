"""Tasks that rest are added up by day; one that changes again takes what it counted back, by a trigger."""

from django.db import migrations, models

TAKE_BACK = """
    CREATE FUNCTION bursar_take_task_back() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        INSERT INTO costs_tasktakenback (
            project_id, bucket, cell_id, tasks, judged_tasks, succeeded_tasks, judged_usd, failed_usd, succeeded_tokens,
            unpriced_tasks, quality_tasks, quality_sum
        ) VALUES (
            OLD.project_id, OLD.first_at, OLD.cell_id, 1, (OLD.success IS NOT NULL)::int, (OLD.success IS TRUE)::int,
            CASE WHEN OLD.success IS NOT NULL THEN OLD.cost_usd ELSE 0 END,
            CASE WHEN OLD.success IS FALSE THEN OLD.cost_usd ELSE 0 END,
            CASE WHEN OLD.success IS TRUE THEN OLD.input_tokens + OLD.output_tokens ELSE 0 END,
            (OLD.success IS NOT NULL AND OLD.unpriced_calls > 0)::int, (OLD.quality IS NOT NULL)::int,
            coalesce(OLD.quality, 0)
        );
        IF TG_OP = 'DELETE' THEN
            RETURN OLD;
        END IF;
        NEW.is_folded := false;
        RETURN NEW;
    END $$;
    CREATE TRIGGER task_taken_back BEFORE UPDATE ON costs_tasktotal
        FOR EACH ROW WHEN (OLD.is_folded AND NEW.is_folded) EXECUTE FUNCTION bursar_take_task_back();
    CREATE TRIGGER task_gone BEFORE DELETE ON costs_tasktotal
        FOR EACH ROW WHEN (OLD.is_folded) EXECUTE FUNCTION bursar_take_task_back();
"""
NO_TAKE_BACK = """
    DROP TRIGGER task_gone ON costs_tasktotal;
    DROP TRIGGER task_taken_back ON costs_tasktotal;
    DROP FUNCTION bursar_take_task_back();
"""


class Migration(migrations.Migration):
    dependencies = [
        ("costs", "0023_fold_days_with_all_projects"),
    ]

    operations = [
        migrations.CreateModel(
            name="TaskFold",
            fields=[
                (
                    "bucket",
                    models.DateTimeField(help_text="the instant the day begins", primary_key=True, serialize=False),
                ),
                ("zone", models.TextField()),
                ("ends_at", models.DateTimeField()),
                ("proven_at", models.DateTimeField(null=True)),
            ],
        ),
        migrations.CreateModel(
            name="TaskSlice",
            fields=[
                ("tasks", models.BigIntegerField(default=0)),
                ("judged_tasks", models.BigIntegerField(default=0)),
                ("succeeded_tasks", models.BigIntegerField(default=0)),
                ("judged_usd", models.DecimalField(decimal_places=15, default="0", max_digits=38)),
                ("failed_usd", models.DecimalField(decimal_places=15, default="0", max_digits=38)),
                ("succeeded_tokens", models.BigIntegerField(default=0)),
                ("unpriced_tasks", models.BigIntegerField(default=0)),
                ("quality_tasks", models.BigIntegerField(default=0)),
                ("quality_sum", models.DecimalField(decimal_places=6, default=0, max_digits=38)),
                (
                    "pk",
                    models.CompositePrimaryKey(
                        "slice",
                        "bucket",
                        "project_id",
                        "a_id",
                        "b_id",
                        blank=True,
                        editable=False,
                        primary_key=True,
                        serialize=False,
                    ),
                ),
                ("slice", models.SmallIntegerField()),
                ("bucket", models.DateTimeField()),
                ("project_id", models.IntegerField()),
                ("a_id", models.IntegerField()),
                ("b_id", models.IntegerField()),
            ],
            options={
                "abstract": False,
            },
        ),
        migrations.CreateModel(
            name="TaskTakenBack",
            fields=[
                ("tasks", models.BigIntegerField(default=0)),
                ("judged_tasks", models.BigIntegerField(default=0)),
                ("succeeded_tasks", models.BigIntegerField(default=0)),
                ("judged_usd", models.DecimalField(decimal_places=15, default="0", max_digits=38)),
                ("failed_usd", models.DecimalField(decimal_places=15, default="0", max_digits=38)),
                ("succeeded_tokens", models.BigIntegerField(default=0)),
                ("unpriced_tasks", models.BigIntegerField(default=0)),
                ("quality_tasks", models.BigIntegerField(default=0)),
                ("quality_sum", models.DecimalField(decimal_places=6, default=0, max_digits=38)),
                ("id", models.BigAutoField(primary_key=True, serialize=False)),
                ("project_id", models.IntegerField()),
                ("bucket", models.DateTimeField(db_index=True, help_text="when the task began")),
                ("cell_id", models.IntegerField()),
            ],
            options={
                "abstract": False,
            },
        ),
        migrations.AddField(
            model_name="tasktotal",
            name="is_folded",
            field=models.BooleanField(db_default=False, help_text="counted in the slices of the day it began"),
        ),
        migrations.AddIndex(
            model_name="tasktotal",
            index=models.Index(condition=models.Q(("is_folded", False)), fields=["first_at"], name="task_not_folded"),
        ),
        migrations.RunSQL(TAKE_BACK, NO_TAKE_BACK),
    ]
