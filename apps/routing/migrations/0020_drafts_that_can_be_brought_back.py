"""A discarded draft stays for a while, so that it can be brought back."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("routing", "0019_tasks_that_are_conversations"),
    ]

    operations = [
        migrations.AddField(
            model_name="policyversion",
            name="discarded_at",
            field=models.DateTimeField(help_text="a draft that nobody sees but who brings it back", null=True),
        ),
        migrations.AddConstraint(
            model_name="policyversion",
            constraint=models.CheckConstraint(
                condition=models.Q(("version", None), ("discarded_at", None), _connector="OR"),
                name="policy_discarded_is_draft",
            ),
        ),
    ]
