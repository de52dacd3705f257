"""Pictures made to break things: each is shown as a browser would, or refused with a sentence."""

import random
import threading

import pytest
from django.db import connection, connections

from evolink_studio.library import services
from evolink_studio.library.exceptions import FileRejected, LibraryFull, TooManyUploads
from evolink_studio.library.media import images
from tests.factories import NOW, UserFactory
from tests.faults.conftest import FAULTS_SIZE
from tests.faults.report import count_cases
from tests.sample_images import (
    draw_noise,
    encode_image,
    make_image,
    make_photo,
)

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.faults]

FORMATS = ["JPEG", "PNG", "WEBP", "GIF", "HEIF", "AVIF"]


def open_or_refuse(content):
    """The picture, or the sentence with which it was refused. Anything else is raised."""
    try:
        return images.normalize_image(content)
    except FileRejected as rejection:
        return str(rejection)


def test_no_byte_that_is_wrong_breaks_more_than_its_picture():
    """Bytes changed by chance: whatever comes of it, it is a picture or a sentence."""
    chance = random.Random(7)
    with count_cases("Pictures: changed bytes") as case_counter:
        for format in FORMATS:
            whole_content = make_photo(format=format) if format != "GIF" else make_image("GIF")
            for _ in range(8 * FAULTS_SIZE):
                content = bytearray(whole_content)
                for _ in range(chance.randint(1, 4)):
                    content[chance.randrange(len(content))] = chance.randrange(256)
                result = open_or_refuse(bytes(content))
                assert not isinstance(result, str) or "Nothing was sent or charged" in result
                case_counter.cases += 1


@pytest.mark.parametrize("format", FORMATS)
def test_no_picture_that_was_cut_is_taken_for_whole(format):
    """What is shown of a cut file is the whole picture, to the last row, or nothing."""
    options = {"quality": 90} if format == "JPEG" else {}
    content = encode_image(draw_noise(64, 48), format, **options)
    whole_image = images.normalize_image(content)
    with count_cases("Pictures: cut files") as case_counter:
        for missing in [*range(1, 40), *range(40, len(content), max(len(content) // 60, 1))]:
            result = open_or_refuse(content[:-missing])
            assert isinstance(result, str) or result == whole_image, missing
            case_counter.cases += 1


def run_at_once(action, count):
    """The results of `action(number)` in that many threads: a value, or the exception."""
    results = []

    def run(number):
        try:
            results.append(action(number))
        except Exception as error:  # the test looks at it
            results.append(error)
        finally:
            connections.close_all()

    threads = [threading.Thread(target=run, args=[number]) for number in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return results


def test_uploads_at_once_do_not_pass_the_limits_together(settings):
    owner = UserFactory()
    if connection.vendor == "sqlite":
        connection.close()  # the threads have their own

    def add(number):
        return services.add_image(
            owner=owner, content=make_image(width=64 + number), name="x.png", now=NOW
        )

    def count(number):
        services._count_upload(owner.pk, NOW)

    with count_cases("Pictures: uploads at once", cases=24):
        settings.UPLOADS_PER_HOUR, settings.LIBRARY_BYTES_PER_PERSON = 5, 0
        counted = run_at_once(count, 12)
        assert sum(result is None for result in counted) == 5
        assert sum(isinstance(result, TooManyUploads) for result in counted) == 7

        settings.UPLOADS_PER_HOUR, settings.LIBRARY_BYTES_PER_PERSON = 0, 1100
        added = run_at_once(add, 12)
        refused_count = sum(isinstance(result, LibraryFull) for result in added)
        sizes = owner.assets.values_list("size_bytes", flat=True)
        assert sum(sizes) <= 1100 < sum(sizes) + min(sizes) * 2
        assert refused_count + len(sizes) == 12
