"""The database itself refuses to change or remove an entry of the ledger.

A later migration that makes SQLite rebuild the table drops these triggers: run `protect_entries` again
there. `manage.py check_ledger` says so when they are missing.
"""

from django.db import migrations

MESSAGE = "entries of the book are final"

PROTECT = {
    "sqlite": (
        f"""CREATE TRIGGER credits_ledgerentry_no_update BEFORE UPDATE ON credits_ledgerentry
            BEGIN SELECT RAISE(ABORT, '{MESSAGE}'); END""",
        f"""CREATE TRIGGER credits_ledgerentry_no_delete BEFORE DELETE ON credits_ledgerentry
            BEGIN SELECT RAISE(ABORT, '{MESSAGE}'); END""",
    ),
    "postgresql": (
        f"""CREATE FUNCTION credits_ledgerentry_is_final() RETURNS trigger LANGUAGE plpgsql AS
            $$ BEGIN RAISE EXCEPTION '{MESSAGE}' USING ERRCODE = 'restrict_violation'; END $$""",
        """CREATE TRIGGER credits_ledgerentry_no_update BEFORE UPDATE ON credits_ledgerentry
            FOR EACH ROW EXECUTE FUNCTION credits_ledgerentry_is_final()""",
        """CREATE TRIGGER credits_ledgerentry_no_delete BEFORE DELETE ON credits_ledgerentry
            FOR EACH ROW EXECUTE FUNCTION credits_ledgerentry_is_final()""",
        """CREATE TRIGGER credits_ledgerentry_no_truncate BEFORE TRUNCATE ON credits_ledgerentry
            FOR EACH STATEMENT EXECUTE FUNCTION credits_ledgerentry_is_final()""",
    ),
}
UNPROTECT = {
    "sqlite": (
        "DROP TRIGGER IF EXISTS credits_ledgerentry_no_update",
        "DROP TRIGGER IF EXISTS credits_ledgerentry_no_delete",
    ),
    "postgresql": (
        "DROP TRIGGER IF EXISTS credits_ledgerentry_no_update ON credits_ledgerentry",
        "DROP TRIGGER IF EXISTS credits_ledgerentry_no_delete ON credits_ledgerentry",
        "DROP TRIGGER IF EXISTS credits_ledgerentry_no_truncate ON credits_ledgerentry",
        "DROP FUNCTION IF EXISTS credits_ledgerentry_is_final()",
    ),
}


def protect_entries(apps, schema_editor):
    for statement in PROTECT[schema_editor.connection.vendor]:
        schema_editor.execute(statement)


def unprotect_entries(apps, schema_editor):
    for statement in UNPROTECT[schema_editor.connection.vendor]:
        schema_editor.execute(statement)


class Migration(migrations.Migration):
    dependencies = [("credits", "0003_default_allowance")]
    operations = [migrations.RunPython(protect_entries, unprotect_entries)]
