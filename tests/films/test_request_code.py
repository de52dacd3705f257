"""The request as code: what is copied is what is sent, and runs."""

import ast
import json
import subprocess

import pytest

from evolink_studio.catalog import get_spec
from evolink_studio.films.presenters.film_settings import load_settings
from evolink_studio.films.request_code import build_request_code
from evolink_studio.generations.models import Generation
from tests.factories import VEO, AssetFactory, GenerationFactory

pytestmark = pytest.mark.django_db

HOSTILE_PROMPTS = ('It\'s "a" $HOME `id` \\ \n JSON\nJSON\n ${x}', "Übung 🎬 '''\"\"\" {braces} %s")


def build_code(row: Generation):
    return build_request_code(row, load_settings(row))


def read_shell_body(curl: str, tmp_path) -> dict[str, object]:
    """What curl would be given, by a shell that runs a stand-in for it."""
    script = f"curl() {{ cat > '{tmp_path}/body'; }}\n{curl}"
    subprocess.run(["bash", "-eu", "-c", script], check=True, env={"EVOLINK_API_KEY": "x"})
    body: dict[str, object] = json.loads((tmp_path / "body").read_text())
    return body


def read_python_body(code: str) -> object:
    calls = [it for it in ast.walk(ast.parse(code)) if isinstance(it, ast.keyword)]
    return ast.literal_eval(next(it.value for it in calls if it.arg == "json"))


@pytest.mark.parametrize("prompt", HOSTILE_PROMPTS)
def test_both_send_the_body_that_the_studio_sends(ada, tmp_path, prompt):
    row = GenerationFactory(owner=ada, prompt=prompt)
    spec = get_spec(VEO)
    expected = spec.build_payload(spec.evaluate(row.params).request, {})
    code = build_code(row)
    assert code.has_files is False
    assert read_shell_body(code.curl, tmp_path) == expected
    assert read_python_body(code.python) == expected
    compile(code.python, "code", "exec")


def test_files_stand_as_addresses_to_replace_and_the_key_as_a_variable(ada, settings):
    settings.EVOLINK_API_KEY = "a-secret-key"
    picture = AssetFactory(owner=ada, name="my cat.png")
    row = GenerationFactory(owner=ada, params={"prompt": "A dog", "image_urls": [picture.ref]})
    code = build_code(row)
    assert code.has_files
    for text in (code.curl, code.python):
        assert "https://example.com/my%20cat.png" in text
        assert "EVOLINK_API_KEY" in text
        assert "a-secret-key" not in text
        assert row.callback_token not in text


@pytest.mark.parametrize(
    "columns", [{"model_id": "a-model-of-yesterday"}, {"params": {"quality": "9k"}}]
)
def test_what_the_rules_of_today_refuse_has_no_code(ada_client, ada, columns):
    row = GenerationFactory(owner=ada, **columns)
    assert build_code(row) is None
    assert "cURL" not in ada_client.get(f"/films/{row.pk}/").content.decode()
