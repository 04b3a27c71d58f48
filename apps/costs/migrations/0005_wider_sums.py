"""Sums of money get room: a thousand of the largest amounts overflowed what holds one of them."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("costs", "0004_prices_only_appended"),
    ]

    operations = [
        migrations.AlterField(
            model_name="conversationtotal",
            name="cost_usd",
            field=models.DecimalField(decimal_places=15, default="0", max_digits=38),
        ),
        migrations.AlterField(
            model_name="dayslice",
            name="avoided_usd",
            field=models.DecimalField(decimal_places=15, default="0", max_digits=38),
        ),
        migrations.AlterField(
            model_name="dayslice",
            name="cost_usd",
            field=models.DecimalField(decimal_places=15, default="0", max_digits=38),
        ),
        migrations.AlterField(
            model_name="usageday",
            name="avoided_usd",
            field=models.DecimalField(decimal_places=15, default="0", max_digits=38),
        ),
        migrations.AlterField(
            model_name="usageday",
            name="cost_usd",
            field=models.DecimalField(decimal_places=15, default="0", max_digits=38),
        ),
        migrations.AlterField(
            model_name="usagequarter",
            name="avoided_usd",
            field=models.DecimalField(decimal_places=15, default="0", max_digits=38),
        ),
        migrations.AlterField(
            model_name="usagequarter",
            name="cost_usd",
            field=models.DecimalField(decimal_places=15, default="0", max_digits=38),
        ),
        migrations.AlterField(
            model_name="usagequarterby",
            name="cost_usd",
            field=models.DecimalField(decimal_places=15, default="0", max_digits=38),
        ),
    ]
