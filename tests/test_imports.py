"""Who may import whom. The folders stay what they say they are."""

import ast
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

PACKAGE = "evolink_studio"
ROOT = Path(__file__).resolve().parent.parent / PACKAGE

ALLOWED_IMPORTS = {
    "core": set(),
    "catalog": set(),
    "evolink": set(),
    "sandbox": set(),
    "accounts": {"core"},
    "credits": {"core", "accounts", "catalog", "exports"},
    "library": {"core", "accounts", "evolink"},
    "exports": {"core", "accounts", "library"},
    "projects": {"core", "accounts"},
    "prompts": {"core", "accounts", "library", "catalog"},
    "generations": {
        "core",
        "accounts",
        "credits",
        "library",
        "exports",
        "projects",
        "prompts",
        "catalog",
        "evolink",
    },
    "films": {
        "core",
        "accounts",
        "credits",
        "library",
        "projects",
        "prompts",
        "generations",
        "catalog",
        "evolink",
    },
    "sharing": {"core", "accounts", "library", "generations", "films", "catalog"},
    "notifications": {"core", "accounts", "library", "generations", "sharing", "evolink"},
    "worker": {
        "core",
        "accounts",
        "credits",
        "library",
        "exports",
        "generations",
        "films",
        "sharing",
        "notifications",
        "evolink",
    },
    "operations": {
        "core",
        "exports",
        "environment",
        "generations",
        "films",
        "sharing",
        "notifications",
        "projects",
        "prompts",
        "credits",
        "library",
        "accounts",
        "sandbox",
    },
    # The files beside the folders that say what the studio is made of.
    "settings": {"admin_theme", "core", "environment", "operations"},
    "admin_theme": set(),
    "urls": {
        "accounts",
        "library",
        "prompts",
        "projects",
        "generations",
        "films",
        "sharing",
        "notifications",
        "operations",
    },
    "environment": {"setting_values"},
    "setting_values": {"evolink"},
    "formats": set(),
    "wsgi": {"core"},
}
DJANGO_FREE_PACKAGES = {"catalog", "evolink", "sandbox"}
ALLOWED_MODULES = {
    ("operations", "sandbox"): {"operations/management/commands/sandbox.py"},
}


def list_sources() -> list[str]:
    paths = (path.relative_to(ROOT).as_posix() for path in ROOT.rglob("*.py"))
    return sorted(path for path in paths if "/migrations/" not in path and path != "__init__.py")


def imported_modules(path: str) -> Iterator[str]:
    """Every module that a file names in an import, wherever it stands in it."""
    for node in ast.walk(ast.parse((ROOT / path).read_text("utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: write imports in full"
            yield node.module or ""
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def studio_imports(path: str) -> set[tuple[str, ...]]:
    """What it imports of the studio: ("generations", "services"), …"""
    names = (name.split(".") for name in imported_modules(path))
    return {tuple(parts[1:]) for parts in names if parts[0] == PACKAGE and len(parts) > 1}


def package_of(path: str) -> str:
    return path.split("/")[0].removesuffix(".py")


def role_of(path: str) -> str:
    """The name that says what a file is for: services, views, models …"""
    parts = path.split("/")[1:]
    return parts[0].removesuffix(".py") if parts else path.removesuffix(".py")


@pytest.mark.parametrize("path", list_sources())
def test_a_folder_imports_only_what_it_may(path):
    part = package_of(path)
    assert part in ALLOWED_IMPORTS, f"Say in MAY_IMPORT what {part} may import"
    imported_parts = {names[0] for names in studio_imports(path)} - {part}
    for imported in imported_parts - ALLOWED_IMPORTS[part]:
        pytest.fail(f"{path} imports {imported}; {part} may import {sorted(ALLOWED_IMPORTS[part])}")
    for imported in imported_parts:
        allowed_files = ALLOWED_MODULES.get((part, imported))
        if allowed_files is not None and path not in allowed_files:
            pytest.fail(f"{path} imports {imported}; only {sorted(allowed_files)} may")


@pytest.mark.parametrize(
    "path", [p for p in list_sources() if package_of(p) in DJANGO_FREE_PACKAGES]
)
def test_what_knows_no_django_imports_none(path):
    forbidden_imports = sorted(
        name for name in imported_modules(path) if name.split(".")[0] == "django"
    )
    assert not forbidden_imports, (
        f"{path} imports {forbidden_imports}; {package_of(path)} does without Django"
    )


@pytest.mark.parametrize("path", [p for p in list_sources() if package_of(p) == "catalog"])
def test_the_catalogue_speaks_no_http(path):
    forbidden_imports = {name.split(".")[0] for name in imported_modules(path)} & {
        "httpx",
        "urllib",
        "http",
        "socket",
    }
    assert not forbidden_imports, (
        f"{path} imports {sorted(forbidden_imports)}; the catalogue only says what is allowed"
    )


@pytest.mark.parametrize(
    "path", [p for p in list_sources() if role_of(p) != "urls" and p != "urls.py"]
)
def test_only_urls_import_views(path):
    view_imports = {
        names for names in studio_imports(path) if len(names) > 1 and names[1] == "views"
    }
    if role_of(path) == "views":
        view_imports = {names for names in view_imports if names[0] != package_of(path)}
    assert not view_imports, f"{path} imports the views {sorted(view_imports)}; only urls may"


FORBIDDEN_BY_ROLE = {
    "models": {"services", "views", "forms", "admin", "pipeline"},
    "services": {"views", "forms", "admin", "urls", "middleware"},
    "queries": {"views", "forms", "admin", "urls"},
}


@pytest.mark.parametrize("path", [p for p in list_sources() if role_of(p) in FORBIDDEN_BY_ROLE])
def test_each_kind_of_file_stays_in_its_layer(path):
    forbidden_names = FORBIDDEN_BY_ROLE[role_of(path)]
    forbidden_imports = {
        names for names in studio_imports(path) if len(names) > 1 and names[1] in forbidden_names
    }
    assert not forbidden_imports, (
        f"{path} imports {sorted(forbidden_imports)}; {role_of(path)} must not"
    )


@pytest.mark.parametrize(
    "path", [p for p in list_sources() if role_of(p) in {"services", "pipeline", "transitions"}]
)
def test_services_and_pipeline_know_no_request(path):
    forbidden_imports = {name for name in imported_modules(path) if "HttpRequest" in name}
    assert not forbidden_imports, (
        f"{path} imports {sorted(forbidden_imports)}; it is called without a request"
    )


# Inside `generations`, by the first name after the package: from the lowest layer to the highest.
GENERATIONS_MAY_IMPORT = {
    "states": set(),
    "signals": set(),
    "models": {"states"},
    "params": {"models", "states"},
    "film_facts": set(),
    "search_index": {"models"},
    "transitions": {"models", "states", "signals"},
    "usage_source": {"models", "states"},
    "incidents": {"models", "states"},
    "usage_report": {"models", "states"},
    "usage_rollup": {"models"},
    "usage_export": {"usage_report", "models", "states"},
    "pipeline": {"transitions", "params", "film_facts", "models", "states"},
    "queries": {"pipeline", "models", "states"},
    "change_feed": {"queries", "models", "states"},
    "services": {"pipeline", "transitions", "film_facts", "models", "signals", "states"},
    "resolutions": {"services", "pipeline", "transitions", "models", "signals", "states"},
    "prompt_history": {"queries", "search_index", "models", "states"},
    "presenters": {
        *("change_feed", "queries", "prompt_history", "usage_report", "pipeline", "params"),
        *("models", "states"),
    },
    "forms": {"presenters", "queries", "params", "models", "states"},
    "views": {
        *("forms", "presenters", "services", "change_feed", "queries", "prompt_history"),
        "usage_report",
        *("pipeline", "params", "models", "states"),
    },
    "admin": {
        *("presenters", "resolutions", "services", "usage_report", "incidents", "usage_source"),
        *("usage_export", "search_index"),
        *("transitions", "queries", "pipeline", "params", "models", "states"),
    },
    "urls": {"views"},
    "management": {"usage_rollup"},
    "apps": {"usage_source", "usage_rollup", "usage_export", "search_index"},
}


@pytest.mark.parametrize("path", [p for p in list_sources() if package_of(p) == "generations"])
def test_the_layers_of_generations_import_downwards_only(path):
    layer = role_of(path)
    if layer == "__init__":
        return
    assert layer in GENERATIONS_MAY_IMPORT, f"Say what generations/{layer} may import"
    imports = {
        names[1] for names in studio_imports(path) if names[0] == "generations" and len(names) > 1
    }
    forbidden_names = imports - GENERATIONS_MAY_IMPORT[layer] - {layer}
    assert not forbidden_names, f"{path} imports {sorted(forbidden_names)}"


def module_of(path: str) -> str:
    name = f"{PACKAGE}/{path}".removesuffix(".py").removesuffix("/__init__")
    return name.replace("/", ".")


@cache
def import_graph() -> dict[str, set[str]]:
    """Each module of the studio with those it imports, at its top or inside a function alike.

    `apps.py` is left out: what `ready` imports comes when every module is there.
    """
    modules = {module_of(path): path for path in list_sources()}
    graph: dict[str, set[str]] = {}
    for module, path in modules.items():
        graph[module] = set()
        if path.endswith("/apps.py"):
            continue
        for node in ast.walk(ast.parse((ROOT / path).read_text("utf-8"))):
            if isinstance(node, ast.Import):
                names = {alias.name for alias in node.names}
            elif isinstance(node, ast.ImportFrom):
                modules_by_name = {
                    alias.name: f"{node.module}.{alias.name}" for alias in node.names
                }
                names = {
                    full if full in modules else str(node.module)
                    for full in modules_by_name.values()
                }
            else:
                continue
            graph[module] |= (names & modules.keys()) - {module}
    return graph


def reachable_from(module: str) -> set[str]:
    visited, queue = set(), [module]
    while queue:
        for imported in import_graph()[queue.pop()] - visited:
            visited.add(imported)
            queue.append(imported)
    return visited


def test_no_modules_import_each_other():
    reachable = {module: reachable_from(module) for module in import_graph()}
    cycles = {
        frozenset({module} | {name for name in names if module in reachable[name]})
        for module, names in reachable.items()
        if module in names
    }
    assert not cycles, [sorted(cycle) for cycle in cycles]


@pytest.mark.parametrize(
    "path",
    [
        path
        for path in list_sources()
        if path in {"library/storage.py", "library/s3_storage.py"}
        or path.startswith("library/media/")
    ],
)
def test_storage_and_media_know_no_http(path):
    modules = {module_of(path), *reachable_from(module_of(path))}
    page_modules = {
        f"{PACKAGE}.library.{name}"
        for name in ("upload_handlers", "file_responses", "views", "forms", "urls")
    }
    assert not modules & page_modules
    for source in list_sources():
        if module_of(source) in modules:
            names = {
                name
                for name in imported_modules(source)
                if name.startswith(("django.http", "django.core.files.upload"))
            }
            assert not names, f"{path} comes to {source}, which imports {sorted(names)}"


@pytest.mark.parametrize(
    "path",
    [
        path
        for path in list_sources()
        if package_of(path) == "worker" or path in {"operations/health.py", "operations/metrics.py"}
    ],
)
def test_worker_and_health_come_to_no_pages(path):
    """Nor through what they import."""
    pages = {
        f"{PACKAGE}.generations.{layer}"
        for layer in ("queries", "presenters", "forms", "views", "admin", "urls")
    }
    page_imports = {
        module
        for module in reachable_from(module_of(path))
        if any(module == page or module.startswith(f"{page}.") for page in pages)
    }
    assert not page_imports, f"{path} comes to {sorted(page_imports)}"


def test_only_one_function_of_the_studio_sends_what_is_paid():
    """`EvoLinkClient.create_video` is called in one place."""
    calls = [
        path
        for path in list_sources()
        for node in ast.walk(ast.parse((ROOT / path).read_text("utf-8")))
        if isinstance(node, ast.Attribute)
        and node.attr == "create_video"
        and isinstance(node.value, ast.Attribute)
        and node.value.attr == "client"
    ]
    assert calls == ["generations/pipeline/dispatch.py"]
