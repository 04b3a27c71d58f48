from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("routing", "0012_savings_slices"),
    ]

    operations = [
        migrations.AddField(
            model_name="replayrun",
            name="levers",
            field=models.JSONField(blank=True, default=dict, help_text="what is supposed, as in domain/levers.py"),
        ),
    ]
