"""Collect texts for translation and compile what is translated. Needs gettext's xgettext.

Run it, fill in the German in `evolink_studio/locale/de/LC_MESSAGES/django.po`, run it again.
"""

import os
import sys
from pathlib import Path

import polib

ROOT = Path(__file__).resolve().parent.parent
CATALOGUE = ROOT / "evolink_studio" / "locale" / "de" / "LC_MESSAGES" / "django.po"
IGNORED = [".venv", "var", "staticfiles", "tests", "bench", "scripts", "sandbox"]


def collect_messages() -> None:
    """Bring the .po file up to date with the sources."""
    sys.path.insert(0, str(ROOT))
    os.chdir(ROOT)
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "evolink_studio.settings")
    import django
    from django.core.management import call_command

    django.setup()
    call_command(
        "makemessages",
        locale=["de"],
        ignore_patterns=IGNORED,
        add_location="file",
        no_obsolete=True,
        no_wrap=True,
    )


def clean_catalogue(path: Path = CATALOGUE) -> polib.POFile:
    """Remove what changes at every run, and guesses: an empty text is better than a wrong one."""
    po = polib.pofile(str(path), wrapwidth=0)
    for name in ("POT-Creation-Date", "PO-Revision-Date", "Last-Translator", "Language-Team"):
        po.metadata.pop(name, None)
    for entry in po.fuzzy_entries():
        entry.msgstr = ""
        entry.msgstr_plural = dict.fromkeys(entry.msgstr_plural, "")
        entry.flags = [flag for flag in entry.flags if flag != "fuzzy"]
        entry.previous_msgid = entry.previous_msgid_plural = None
    po.save()
    return po


def main() -> None:
    """Collect, clean, compile, and say what is still missing."""
    collect_messages()
    po = clean_catalogue()
    po.save_as_mofile(str(CATALOGUE.with_suffix(".mo")))
    missing = [entry.msgid for entry in po.untranslated_entries()]
    print(f"{len(po)} texts, {len(missing)} without German")
    for text in missing:
        print(f"  {text}")


if __name__ == "__main__":
    main()
