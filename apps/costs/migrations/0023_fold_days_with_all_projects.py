"""Folded days get rows of all projects together, and of users, tools and tags without models: they are folded again."""

from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [("costs", "0022_reporting_settings")]

    operations = [migrations.RunSQL("DELETE FROM costs_dayfold WHERE zone <> 'hours'", migrations.RunSQL.noop)]
