"""The database itself refuses to change or remove an entry of the book.

A later migration that makes SQLite rebuild the table drops these triggers: run `protect` again
there. `manage.py check_ledger` says so when they are missing.
"""

from django.db import migrations

WORDS = "entries of the book are final"

PROTECT = {
    "sqlite": (
        f"""CREATE TRIGGER credits_entry_no_update BEFORE UPDATE ON credits_entry
            BEGIN SELECT RAISE(ABORT, '{WORDS}'); END""",
        f"""CREATE TRIGGER credits_entry_no_delete BEFORE DELETE ON credits_entry
            BEGIN SELECT RAISE(ABORT, '{WORDS}'); END""",
    ),
    "postgresql": (
        f"""CREATE FUNCTION credits_entry_is_final() RETURNS trigger LANGUAGE plpgsql AS
            $$ BEGIN RAISE EXCEPTION '{WORDS}' USING ERRCODE = 'restrict_violation'; END $$""",
        """CREATE TRIGGER credits_entry_no_update BEFORE UPDATE ON credits_entry
            FOR EACH ROW EXECUTE FUNCTION credits_entry_is_final()""",
        """CREATE TRIGGER credits_entry_no_delete BEFORE DELETE ON credits_entry
            FOR EACH ROW EXECUTE FUNCTION credits_entry_is_final()""",
        """CREATE TRIGGER credits_entry_no_truncate BEFORE TRUNCATE ON credits_entry
            FOR EACH STATEMENT EXECUTE FUNCTION credits_entry_is_final()""",
    ),
}
FREE = {
    "sqlite": (
        "DROP TRIGGER IF EXISTS credits_entry_no_update",
        "DROP TRIGGER IF EXISTS credits_entry_no_delete",
    ),
    "postgresql": (
        "DROP TRIGGER IF EXISTS credits_entry_no_update ON credits_entry",
        "DROP TRIGGER IF EXISTS credits_entry_no_delete ON credits_entry",
        "DROP TRIGGER IF EXISTS credits_entry_no_truncate ON credits_entry",
        "DROP FUNCTION IF EXISTS credits_entry_is_final()",
    ),
}


def protect(apps, schema_editor):
    for statement in PROTECT[schema_editor.connection.vendor]:
        schema_editor.execute(statement)


def free(apps, schema_editor):
    for statement in FREE[schema_editor.connection.vendor]:
        schema_editor.execute(statement)


class Migration(migrations.Migration):
    dependencies = [("credits", "0004_everybody_may_spend")]
    operations = [migrations.RunPython(protect, free)]
