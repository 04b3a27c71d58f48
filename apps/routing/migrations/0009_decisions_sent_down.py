"""An index of the few decisions that a budget sent to a cheaper tier, so that they are counted at once."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("routing", "0008_compressions")]

    operations = [
        migrations.AddIndex(
            model_name="decision",
            index=models.Index(
                condition=models.Q(("reason_code__endswith", "budget"), ("reason_code__startswith", "left_")),
                fields=["created_at"],
                name="decision_sent_down",
            ),
        ),
    ]
