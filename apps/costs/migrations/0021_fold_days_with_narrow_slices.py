"""Folded days get slices by user, tool and tag: those folded without them are folded again."""

from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [("costs", "0020_tasks_change_in_place")]

    operations = [migrations.RunSQL("DELETE FROM costs_dayfold WHERE zone <> 'hours'", migrations.RunSQL.noop)]
