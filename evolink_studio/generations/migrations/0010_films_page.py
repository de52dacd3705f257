"""Search without accents, in titles, notes and tags too; the facts that films are filtered by."""

from collections.abc import Iterator

from django.db import migrations

from evolink_studio.core.search import FOLD_FUNCTION, fold_text

SLICE_ROWS = 20_000
NOT_ASCII = "[^\x01-\x7f]"
# By the columns of text that are folded: where the folded text stands.
FOLDED_COLUMNS = {"generations_generation": "prompt", "library_asset": "name"}
# From which width to height, in thousandths, the nearest common ratio is that one.
RATIO_BOUNDS = (
    (2037, "21:9"),
    (1633, "16:9"),
    (1414, "3:2"),
    (1155, "4:3"),
    (866, "1:1"),
    (707, "3:4"),
    (612, "2:3"),
    (0, "9:16"),
)
COMMON_RATIOS = frozenset(name for _, name in RATIO_BOUNDS)


def drop_search_index(apps, schema_editor):
    """It had the prompts alone; `migrate` ends with making what is not there."""
    is_sqlite = schema_editor.connection.vendor == "sqlite"
    with schema_editor.connection.cursor() as cursor:
        if is_sqlite:
            for event in ("insert", "delete", "update"):
                cursor.execute(f"DROP TRIGGER IF EXISTS generations_search_{event}")
        kind = "TABLE" if is_sqlite else "INDEX"
        cursor.execute(f"DROP {kind} IF EXISTS generations_search")


def list_slices(schema_editor, table) -> Iterator[list[int]]:
    with schema_editor.connection.cursor() as cursor:
        cursor.execute(f"SELECT max(id) FROM {table}")
        last_pk = cursor.fetchone()[0] or 0
    for start in range(0, last_pk + 1, SLICE_ROWS):
        yield [start, start + SLICE_ROWS]


def fold_accents(apps, schema_editor):
    """What has other letters than A to Z is folded again: a million prompts take seconds."""
    database = schema_editor.connection
    for table, source in FOLDED_COLUMNS.items():
        for bounds in list_slices(schema_editor, table):
            with database.cursor() as cursor:
                if database.vendor == "sqlite":
                    cursor.execute(
                        f"UPDATE {table} SET search_text = {FOLD_FUNCTION}({source})"
                        f" WHERE id >= %s AND id < %s"
                        f" AND search_text <> {FOLD_FUNCTION}({source})",
                        bounds,
                    )
                    continue
                cursor.execute(
                    f"SELECT id, {source} FROM {table}"
                    " WHERE id >= %s AND id < %s AND search_text ~ %s",
                    [*bounds, NOT_ASCII],
                )
                rows = [(fold_text(text), pk) for pk, text in cursor.fetchall()]
                cursor.executemany(f"UPDATE {table} SET search_text = %s WHERE id = %s", rows)


def fill_facts(apps, schema_editor):
    """Of saved films from their files, of all others from what was asked for."""
    ratio = " ".join(
        f"WHEN a.width * 1000 >= a.height * {bound} THEN '{name}'" for bound, name in RATIO_BOUNDS
    )
    results = (
        "FROM generations_generatedvideo v JOIN library_asset a ON a.id = v.asset_id"
        " WHERE v.generation_id = generations_generation.id AND {condition}"
        " ORDER BY CASE a.kind WHEN 'video' THEN 0 ELSE 1 END, v.position LIMIT 1"
    )
    sized, timed = (
        results.format(condition=condition)
        for condition in ("a.width > 0 AND a.height > 0", "a.seconds > 0")
    )
    params = "params" if schema_editor.connection.vendor == "sqlite" else "params::text"
    true, false = ("1", "0") if schema_editor.connection.vendor == "sqlite" else ("true", "false")
    sql = (
        "UPDATE generations_generation SET"
        f" ratio = coalesce((SELECT CASE {ratio} END {sized}), ''),"
        f" seconds = (SELECT least(greatest(round(a.seconds), 1), 32767) {timed}),"
        f""" has_sound = CASE WHEN {params} LIKE '%%"sound": "on"%%' THEN {true}"""
        f""" WHEN {params} LIKE '%%"sound": "off"%%' THEN {false} END"""
        " WHERE id >= %s AND id < %s"
    )
    if schema_editor.connection.vendor == "sqlite":
        sql = sql.replace("least(", "min(").replace("greatest(", "max(")
    generations = apps.get_model("generations", "Generation").objects
    for bounds in list_slices(schema_editor, "generations_generation"):
        with schema_editor.connection.cursor() as cursor:
            cursor.execute(sql, bounds)
        rows = generations.filter(pk__gte=bounds[0], pk__lt=bounds[1], ratio="", seconds=None)
        requested = [row for row in rows.only("params") if copy_requested_facts(row)]
        generations.bulk_update(requested, ["ratio", "seconds"], batch_size=500)


def copy_requested_facts(row) -> bool:
    """Whether its parameters say anything."""
    params = row.params if isinstance(row.params, dict) else {}
    ratio, seconds = params.get("aspect_ratio"), params.get("duration")
    if isinstance(ratio, str) and ratio in COMMON_RATIOS:
        row.ratio = ratio
    if isinstance(seconds, int) and 0 < seconds <= 32_767:
        row.seconds = seconds
    return bool(row.ratio or row.seconds)


class Migration(migrations.Migration):
    dependencies = [
        ("generations", "0009_keeping_order_and_batches"),
        ("library", "0007_asset_origins"),
    ]

    operations = [
        migrations.RunPython(drop_search_index, migrations.RunPython.noop),
        migrations.RunPython(fold_accents, migrations.RunPython.noop),
        migrations.RunPython(fill_facts, migrations.RunPython.noop),
    ]
