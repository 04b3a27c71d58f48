"""What drawn tasks tell of a baseline, and an index of the decisions that chance had a part in."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("routing", "0013_replays_suppose")]

    operations = [
        migrations.AddField(
            model_name="baselinelearned",
            name="by_lot",
            field=models.JSONField(
                default=dict, help_text="success and cost of drawn tasks, as in domain/off_policy.py"
            ),
        ),
        migrations.AddIndex(
            model_name="decision",
            index=models.Index(condition=models.Q(("propensity__lt", 1)), fields=["created_at"], name="decision_drawn"),
        ),
    ]
