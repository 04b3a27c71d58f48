"""A message whose worker ended while it sent it says so when it is sent again."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("budgets", "0013_conversations_opened_at_once")]

    operations = [
        migrations.AddField(
            "delivery",
            "was_interrupted",
            models.BooleanField(
                db_default=False,
                default=False,
                help_text="a worker ended while it sent this, so it may have arrived before",
            ),
        )
    ]
