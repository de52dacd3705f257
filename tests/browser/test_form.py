"""The form as a person meets it: rules, pictures, mistakes."""

from playwright.sync_api import expect

from evolink_studio.generations.models import Draft, Generation
from tests.browser.steps import (
    add_shot,
    choose_option,
    fill_field,
    fill_prompt,
    fill_shot,
    hold_press,
    hold_requests,
    open_model,
    press_generate,
    selected_card,
    upload_image,
    wait_until_idle,
)
from tests.sample_images import make_image


def error_locator(page, name):
    return page.locator(f"[data-error-for={name}]")


def test_an_option_that_is_not_allowed_now_is_disabled_with_its_sentence(page, studio, tmp_path):
    open_model(page, studio, "doubao-seedance-1.0-pro-fast")
    keep_ratio = page.locator("[name=aspect_ratio][value=keep_ratio]")
    expect(keep_ratio).to_be_disabled()
    sentence = page.locator(f"#{keep_ratio.get_attribute('aria-describedby').split()[-1]}")
    expect(sentence).not_to_be_empty()

    upload_image(page, tmp_path, "image_urls")
    expect(keep_ratio).to_be_enabled()
    expect(page.locator("[name=aspect_ratio][value=adaptive]")).to_be_checked()


def test_what_was_typed_survives_the_re_rendering(page, studio):
    open_model(page, studio, "doubao-seedance-1.0-pro-fast")
    page.click("textarea[name=prompt]")
    page.keyboard.type("A long thought that is still being ")
    choose_option(page, "quality", "480p")
    page.click("textarea[name=prompt]")
    page.keyboard.press("End")
    page.keyboard.type("written")
    expect(page.locator("textarea[name=prompt]")).to_have_value(
        "A long thought that is still being written"
    )


def test_a_mistake_stands_at_its_field_and_nothing_is_lost(page, studio):
    open_model(page, studio, "kling-o3-image-to-video")
    fill_prompt(page, "A person smiles")
    choose_option(page, "quality", "1080p")
    press_generate(page)
    expect(error_locator(page, "image_start")).not_to_be_empty()
    expect(page.locator("textarea[name=prompt]")).to_have_value("A person smiles")
    expect(page.locator("[name=quality][value='1080p']")).to_be_checked()
    assert Generation.objects.count() == 0


def test_switching_the_model_keeps_what_it_accepts_and_names_the_rest(page, studio):
    open_model(page, studio, "grok-imagine-text-to-video")
    fill_prompt(page, "A cat that comes along")
    choose_option(page, "aspect_ratio", "3:2")
    page.locator("[popovertarget=model-picker]").first.click()
    page.locator("#model-picker a[href='/create/veo3.1-pro/']").click()
    expect(page.locator("form[data-model='veo3.1-pro']")).to_be_visible()
    expect(page.locator("textarea[name=prompt]")).to_have_value("A cat that comes along")
    expect(page.locator("[data-note]")).to_contain_text("3:2")
    assert page.url.endswith("/create/veo3.1-pro/")


def test_a_text_file_named_png_is_refused_in_words(page, studio, tmp_path):
    path = tmp_path / "not-a-picture.png"
    path.write_text("just words")
    open_model(page, studio, "kling-o3-image-to-video")
    fill_prompt(page, "A cat")
    with page.expect_response("**/upload"):
        page.set_input_files("input[type=file][name=image_start]", path)
    expect(error_locator(page, "image_start")).to_contain_text("not a picture")
    expect(page.locator("textarea[name=prompt]")).to_have_value("A cat")


def test_a_picture_of_the_wrong_size_gets_its_verdict_and_is_fitted(page, studio, tmp_path):
    open_model(page, studio, "sora-2-preview")
    choose_option(page, "aspect_ratio", "1280x720")
    upload_image(page, tmp_path, "image_urls", width=1600, height=1200)
    expect(page.locator("[data-check=bad]")).to_be_visible()
    with page.expect_response("**/refresh/"):
        page.locator("[data-fit='1280x720']").click()
    expect(page.locator("[data-check=good]")).to_be_visible()
    expect(page.locator("[data-media-item]")).to_contain_text("1280 × 720")


def test_pictures_can_be_dropped_and_pasted(page, studio, tmp_path):
    open_model(page, studio, "veo3.1-pro")
    bytes_ = list(make_image(width=640, height=360))
    transfer = page.evaluate_handle(
        """(bytes) => { const data = new DataTransfer();
            data.items.add(new File([new Uint8Array(bytes)], "dropped.png", {type: "image/png"}));
            return data; }""",
        bytes_,
    )
    with page.expect_response("**/refresh/"):
        page.dispatch_event("[data-media=image_urls]", "drop", {"dataTransfer": transfer})
    expect(page.locator("[data-media-item]")).to_have_count(1)
    other_image = list(make_image(width=360, height=640))
    with page.expect_response("**/refresh/"):
        page.evaluate(
            """(bytes) => { const data = new DataTransfer();
                const file = new File([new Uint8Array(bytes)], "pasted.png", {type: "image/png"});
                data.items.add(file);
                document.body.dispatchEvent(
                    new ClipboardEvent("paste", {clipboardData: data, bubbles: true})); }""",
            other_image,
        )
    expect(page.locator("[data-media-item]")).to_have_count(2)


def test_the_shot_list_adds_up_to_the_duration(page, studio, tmp_path):
    open_model(page, studio, "kling-o3-image-to-video")
    upload_image(page, tmp_path, "image_start")
    choose_option(page, "multi_shot", "true")
    for number, (prompt, seconds) in enumerate([("[quick] a", 2), ("b", 2)]):
        add_shot(page, number + 1)
        fill_shot(page, number, prompt, seconds)
    press_generate(page)
    expect(error_locator(page, "shots")).not_to_be_empty()
    fill_field(page, "shots-1-duration", "3")
    with page.expect_response("**/refresh/"):
        page.press("[name=shots-1-duration]", "Tab")
    press_generate(page)
    expect(selected_card(page, "completed")).to_be_visible()
    assert [shot["duration"] for shot in Generation.objects.get().params["shots"]] == [2, 3]


def test_a_prompt_of_emoji_at_the_limit_is_taken(page, studio):
    open_model(page, studio, "doubao-seedance-1.0-pro-fast")
    prompt = "[quick]" + "🎬" * 1993
    fill_prompt(page, prompt)
    press_generate(page)
    expect(selected_card(page)).to_be_visible()
    assert Generation.objects.get().prompt == prompt


def test_a_reload_brings_the_draft_back(page, studio):
    open_model(page, studio, "grok-imagine-text-to-video")
    fill_prompt(page, "Half a thought")
    choose_option(page, "mode", "spicy")
    page.reload()
    expect(page.locator("textarea[name=prompt]")).to_have_value("Half a thought")
    expect(page.locator("[name=mode][value=spicy]")).to_be_checked()


def test_what_is_being_written_is_kept_even_without_leaving_the_field(page, studio):
    page.goto(studio.build_url("/create/grok-imagine-text-to-video/?afresh"))
    page.click("textarea[name=prompt]")
    with page.expect_response("**/refresh/"):
        page.keyboard.type("Half a thought")
    page.keyboard.type(" and more")
    expect(page.locator("textarea[name=prompt]")).to_have_value("Half a thought and more")
    expect(page).to_have_url(studio.build_url("/create/grok-imagine-text-to-video/"))
    assert Draft.objects.get().values["prompt"] == "Half a thought"


def test_a_note_stays_until_it_is_closed_so_that_nothing_jumps(page, studio):
    open_model(page, studio, "grok-imagine-text-to-video")
    choose_option(page, "mode", "fun")
    page.reload()
    choose_option(page, "mode", "spicy")
    expect(page.locator("[data-note]")).to_have_count(1)
    page.click("[data-dismiss]")
    choose_option(page, "mode", "normal")
    expect(page.locator("[data-note]")).to_have_count(0)


def test_an_address_that_cannot_be_opened_stands_there_again(page, studio):
    open_model(page, studio, "veo3.1-pro")
    page.locator("[data-media=image_urls] .url-import summary").click()
    page.fill("[data-media=image_urls] input[type=url]", "http://127.0.0.1:1/cat.png")
    page.click("[data-media=image_urls] [data-fetch]")
    expect(error_locator(page, "image_urls")).not_to_be_empty()
    field = page.locator("[data-media=image_urls] input[type=url]")
    expect(field).to_have_value("http://127.0.0.1:1/cat.png")


def test_pictures_come_along_to_single_slots_and_can_be_swapped_there(page, studio, tmp_path):
    open_model(page, studio, "veo3.1-pro")
    upload_image(page, tmp_path, "image_urls")
    upload_image(page, tmp_path, "image_urls", width=720, height=1280)
    page.locator("[popovertarget=model-picker]").first.click()
    page.locator("#model-picker a[href='/create/kling-o3-image-to-video/']").click()
    expect(page.locator("[data-note]")).to_contain_text("First frame, Last frame")
    expect(page.locator("[data-media=image_start] [data-media-item]")).to_contain_text("1280 × 720")
    with page.expect_response("**/refresh/"):
        page.click("#field-image_end-swap")
    expect(page.locator("[data-media=image_start] [data-media-item]")).to_contain_text("720 × 1280")
    expect(page.locator("[data-media=image_end] [data-media-item]")).to_contain_text("1280 × 720")


def test_an_answer_keeps_what_was_typed_and_left_since_its_request(page, studio):
    open_model(page, studio, "doubao-seedance-1.0-pro-fast")
    fill_prompt(page, "A cat")
    with hold_requests(page, "**/refresh/"):
        page.focus("[name=duration]")
        fill_field(page, "duration", "7")
        page.focus("textarea[name=prompt]")
    wait_until_idle(page)
    expect(page.locator("[name=duration]")).to_have_value("7")
    assert Draft.objects.get().values["duration"] == "7"


def test_a_press_keeps_what_was_typed_since(page, studio):
    open_model(page, studio, "doubao-seedance-1.0-pro-fast")
    fill_prompt(page, "[quick] The first film")
    with hold_press(page):
        fill_prompt(page, "[quick] The second film")
        page.locator("label", has_text="480p").click()
    expect(selected_card(page)).to_be_visible()
    wait_until_idle(page)
    expect(page.locator("textarea[name=prompt]")).to_have_value("[quick] The second film")
    expect(page.locator("[name=quality][value='480p']")).to_be_checked()
    press_generate(page)
    expect(page.locator("#workspace [data-generation]")).to_have_count(2)
    assert list(Generation.objects.order_by("pk").values_list("prompt", "params__quality")) == [
        ("[quick] The first film", "1080p"),
        ("[quick] The second film", "480p"),
    ]


def test_a_command_is_carried_out_whatever_is_changed_before_its_turn(page, studio):
    open_model(page, studio, "kling-o3-image-to-video")
    choose_option(page, "multi_shot", "true")
    with hold_requests(page, "**/refresh/"):
        page.locator("label", has_text="1080p").click()
        page.locator("[name=_do][value='shots:add']").click()
        page.locator("label", has_text="720p").click()
    expect(page.locator("[name=shots-1-prompt]")).to_be_visible()
    wait_until_idle(page)
    expect(page.locator("[name=quality][value='720p']")).to_be_checked()


def test_a_command_is_carried_out_whatever_is_changed_before_its_answer(page, studio):
    open_model(page, studio, "kling-o3-image-to-video")
    choose_option(page, "multi_shot", "true")
    fill_field(page, "shots-0-prompt", "One")
    page.press("[name=shots-0-prompt]", "Tab")
    wait_until_idle(page)
    with hold_requests(page, "**/refresh/"):
        page.locator("[name=_do][value='shots:add']").click()
        page.locator("label", has_text="1080p").click()
        fill_field(page, "shots-0-prompt", "Two")
        page.press("[name=shots-0-prompt]", "Tab")
    expect(page.locator("[name$=-prompt]")).to_have_count(2)
    wait_until_idle(page)
    expect(page.locator("[name=quality][value='1080p']")).to_be_checked()
    expect(page.locator("[name=shots-0-prompt]")).to_have_value("Two")
    expect(page.locator("[name=shots-1-prompt]")).to_have_value("")


def test_a_double_click_is_one_film(page, studio):
    open_model(page, studio, "doubao-seedance-1.0-pro-fast")
    fill_prompt(page, "[quick] A cat")
    wait_until_idle(page)
    page.dblclick("[data-action=generate]", delay=150)
    expect(selected_card(page, "completed")).to_be_visible()
    assert Generation.objects.count() == 1


def test_a_press_by_keyboard_leaves_the_focus_where_it_is(page, studio):
    open_model(page, studio, "doubao-seedance-1.0-pro-fast")
    fill_prompt(page, "[quick] A cat")
    page.keyboard.press("Control+Enter")
    expect(selected_card(page)).to_be_visible()
    expect(page.locator("textarea[name=prompt]")).to_be_focused()


def test_a_press_that_is_taken_clears_the_mistakes_of_the_one_before(page, studio):
    open_model(page, studio, "doubao-seedance-1.0-pro-fast")
    press_generate(page)
    expect(error_locator(page, "prompt")).not_to_be_empty()
    expect(page.locator("textarea[name=prompt]")).to_be_focused()
    fill_prompt(page, "[quick] A cat")
    press_generate(page)
    expect(selected_card(page)).to_be_visible()
    expect(error_locator(page, "prompt")).to_be_empty()
    expect(page.locator("#generate [aria-invalid], #generate .error-summary")).to_have_count(0)


def test_a_picture_that_arrives_during_a_press_stays_for_the_next_one(page, studio, tmp_path):
    open_model(page, studio, "veo3.1-pro")
    fill_prompt(page, "[quick] A cat")
    path = tmp_path / "frame.png"
    path.write_bytes(make_image(width=640, height=360))
    with hold_press(page), page.expect_response("**/upload"):
        page.set_input_files("input[type=file][name=image_urls]", path)
    expect(selected_card(page)).to_be_visible()
    expect(page.locator("[data-media-item]")).to_have_count(1)
    assert Generation.objects.get().params["image_urls"] == []


def test_another_model_can_be_chosen_during_a_press(page, studio):
    open_model(page, studio, "doubao-seedance-1.0-pro-fast")
    fill_prompt(page, "[quick] The first film")
    with hold_press(page):
        page.locator("[popovertarget=model-picker]").first.click()
        page.locator("#model-picker a[href='/create/grok-imagine-text-to-video/']").click()
        expect(page.locator("form[data-model='grok-imagine-text-to-video']")).to_be_visible()
    expect(selected_card(page)).to_be_visible()
    choose_option(page, "mode", "fun")
    fill_prompt(page, "[quick] The second film")
    press_generate(page)
    expect(page.locator("#workspace [data-generation]")).to_have_count(2)
