"""Names a person said mean a model, kept apart from those of price lists; and a way to the records without a price."""

import django.contrib.postgres.fields
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("costs", "0010_own_prices")]

    operations = [
        migrations.AddField(
            model_name="languagemodel",
            name="own_aliases",
            field=django.contrib.postgres.fields.ArrayField(
                base_field=models.CharField(max_length=256),
                blank=True,
                default=list,
                help_text="names a person said mean this model, in lower case; price lists never touch them",
                size=None,
            ),
        ),
        # Code of the version before does not know the column.
        migrations.RunSQL(
            "ALTER TABLE costs_languagemodel ALTER COLUMN own_aliases SET DEFAULT '{}'", migrations.RunSQL.noop
        ),
        # Only records without a price are in it: it stays small, and priced ones never touch it.
        migrations.RunSQL(
            "CREATE INDEX usage_unpriced ON costs_usagerecord (cell_id, occurred_at) WHERE cost_source = 0",
            "DROP INDEX usage_unpriced",
        ),
    ]
