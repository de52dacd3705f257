"""Security stamps, what a sign-in link knows of its making, and the log of the door."""

import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('accounts', '0002_cache_table'),
    ]

    operations = [
        migrations.CreateModel(
            name='SecurityEvent',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('created_at', models.DateTimeField(verbose_name='at')),
                ('kind', models.CharField(choices=[('signed_in', 'signed in'), ('signed_out', 'signed out'), ('wrong_password', 'refused: wrong password'), ('unknown_name', 'refused: nobody has this name'), ('account_off', 'refused: account switched off'), ('throttled', 'refused: too many attempts'), ('link_made', 'sign-in link made'), ('link_used', 'sign-in link used'), ('link_refused', 'refused: sign-in link no longer valid'), ('link_revoked', 'sign-in link revoked'), ('password_changed', 'password changed'), ('sessions_ended', 'signed out everywhere'), ('switched_off', 'account switched off'), ('switched_on', 'account switched on'), ('role_changed', 'role changed')], max_length=20, verbose_name='what')),
                ('username', models.CharField(blank=True, max_length=150, verbose_name='name')),
                ('actor_name', models.CharField(blank=True, max_length=150, verbose_name='by')),
                ('ip_address', models.GenericIPAddressField(null=True, verbose_name='from')),
                ('user_agent', models.CharField(blank=True, max_length=200, verbose_name='browser')),
            ],
            options={
                'verbose_name': 'security event',
                'verbose_name_plural': 'security events',
            },
        ),
        migrations.AlterModelManagers(
            name='user',
            managers=[
            ],
        ),
        migrations.AddField(
            model_name='signinlink',
            name='created_by',
            field=models.ForeignKey(null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='+', to=settings.AUTH_USER_MODEL, verbose_name='made by'),
        ),
        migrations.AddField(
            model_name='signinlink',
            name='revoked_at',
            field=models.DateTimeField(null=True, verbose_name='revoked'),
        ),
        migrations.AddField(
            model_name='signinlink',
            name='security_stamp',
            field=models.CharField(default='', editable=False, max_length=32),
        ),
        migrations.AddField(
            model_name='user',
            name='security_stamp',
            field=models.CharField(blank=True, default='', editable=False, max_length=32),
        ),
        migrations.AlterField(
            model_name='signinlink',
            name='created_at',
            field=models.DateTimeField(verbose_name='made'),
        ),
        migrations.AlterField(
            model_name='signinlink',
            name='expires_at',
            field=models.DateTimeField(verbose_name='valid until'),
        ),
        migrations.AlterField(
            model_name='signinlink',
            name='used_at',
            field=models.DateTimeField(null=True, verbose_name='used'),
        ),
        migrations.AlterField(
            model_name='signinlink',
            name='user',
            field=models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='sign_in_links', to=settings.AUTH_USER_MODEL, verbose_name='person'),
        ),
        migrations.AddIndex(
            model_name='signinlink',
            index=models.Index(fields=['-created_at', '-id'], name='sign_in_link_newest'),
        ),
        migrations.AddField(
            model_name='securityevent',
            name='user',
            field=models.ForeignKey(null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='+', to=settings.AUTH_USER_MODEL, verbose_name='person'),
        ),
        migrations.AddIndex(
            model_name='securityevent',
            index=models.Index(fields=['-created_at', '-id'], name='security_event_newest'),
        ),
        migrations.AddIndex(
            model_name='securityevent',
            index=models.Index(fields=['kind', '-created_at'], name='security_event_kind'),
        ),
        migrations.AddIndex(
            model_name='securityevent',
            index=models.Index(fields=['user', '-created_at'], name='security_event_user'),
        ),
        migrations.AddIndex(
            model_name='securityevent',
            index=models.Index(fields=['ip_address', '-created_at'], name='security_event_ip'),
        ),
    ]
