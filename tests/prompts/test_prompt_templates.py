"""Templates: prompts with placeholders, filled in when they are used."""

import pytest

from evolink_studio.prompts.models import PromptTemplate
from evolink_studio.prompts.prompt_templates import services
from evolink_studio.prompts.prompt_templates.placeholders import (
    fill_placeholders,
    find_placeholders,
)
from evolink_studio.prompts.prompt_templates.services import TemplateRejected, create_template
from tests.factories import NOW, VEO, GenerationFactory, UserFactory
from tests.form_pages import ParsedPage

pytestmark = pytest.mark.django_db


def keep(owner, name="Product", text="{product} on { surface }, {product} again", **facts):
    return create_template(owner=owner, name=name, text=text, now=NOW, **facts)


def test_each_placeholder_is_found_once_and_an_empty_one_stays_in_the_text():
    text = "{product} on { surface }, {product} again, {}"
    assert find_placeholders(text) == ["product", "surface"]
    assert fill_placeholders(text, {"product": "A cup", "surface": ""}) == (
        "A cup on { surface }, A cup again, {}"
    )


def test_a_template_is_made_changed_and_deleted(ada_client, ada):
    ada_client.post("/prompts/templates/new/", {"name": "Product", "text": "{product} turns"})
    template = PromptTemplate.objects.get(owner=ada)
    data = {"name": "Thing", "text": "{thing} turns", "is_shared": "on"}
    ada_client.post(f"/prompts/templates/{template.pk}/", data)
    template.refresh_from_db()
    assert (template.name, template.text, template.is_shared) == ("Thing", "{thing} turns", True)
    ada_client.post(f"/prompts/templates/{template.pk}/delete/")
    assert not PromptTemplate.objects.exists()


def test_a_deleted_template_comes_back_as_it_was(ada_client, ada):
    template = keep(ada, text="{thing} turns <b>slowly</b>", is_shared=True)
    before = PromptTemplate.objects.values().get()
    page = ParsedPage(ada_client.post(f"/prompts/templates/{template.pk}/delete/", follow=True))
    assert not PromptTemplate.objects.exists()
    button = page.find_one("button[@form='undo-form']")
    data = {button.get("name"): button.get("value")}
    answer = ada_client.post(button.get("formaction"), data, follow=True)
    assert "“Product” is back." in answer.content.decode()
    assert PromptTemplate.objects.values().get() == before


def test_what_cannot_be_kept_says_why_at_its_field_and_stays_typed(ada_client, ada):
    keep(ada)
    data = {"name": "Product", "text": "A text that is not lost"}
    text = ada_client.post("/prompts/templates/new/", data).content.decode()
    assert "You have a template “Product” already. Choose another name." in text
    assert "A text that is not lost" in text
    many = " ".join(f"{{p{number}}}" for number in range(21))
    text = ada_client.post("/prompts/templates/new/", {"name": "M", "text": many}).content.decode()
    assert "A template has at most 20 placeholders." in text
    assert PromptTemplate.objects.count() == 1


def test_nobody_has_more_templates_than_a_page_shows(ada, monkeypatch):
    monkeypatch.setattr(services, "MAX_TEMPLATES", 1)
    keep(ada)
    with pytest.raises(TemplateRejected, match="Delete one of them first"):
        keep(ada, "Another")


def test_a_template_opens_the_form_of_the_last_model_with_the_filled_prompt(ada_client, ada):
    GenerationFactory(owner=ada, model_id=VEO)
    template = keep(ada)
    page = ParsedPage(ada_client.get(f"/prompts/templates/{template.pk}/use/"))
    (form,) = page.find_all("form[@data-use-template]")
    assert form.get("action") == f"/create/{VEO}/"
    query = f"template={template.pk}&fill0=A%20cup&fill1=marble"
    page = ParsedPage(ada_client.get(f"/create/{VEO}/?{query}"))
    assert page.control_value("prompt") == "A cup on marble, A cup again"


def test_a_shared_template_is_used_by_others_and_changed_by_its_owner_alone(ada_client):
    eve = UserFactory(username="eve")
    template = keep(eve, is_shared=True)
    assert "eve" in ada_client.get("/prompts/templates/").content.decode()
    assert ada_client.get(f"/create/{VEO}/?template={template.pk}").status_code == 200
    assert ada_client.get(f"/prompts/templates/{template.pk}/").status_code == 404
    private = keep(eve, "Private")
    page = ParsedPage(ada_client.get(f"/create/{VEO}/?template={private.pk}"))
    assert "This template was deleted, or it is no longer shared." in page.text
    assert page.control_value("prompt") == ""
    assert ada_client.get(f"/prompts/templates/{private.pk}/use/").status_code == 404
