"""A query that was compiled once finds what the same queryset does, whatever the values are."""

import uuid
from datetime import UTC, date, datetime, timedelta

import pytest
from django.contrib.auth.models import Group
from django.db import connection, transaction
from django.db.models import Q, Value
from django.db.transaction import TransactionManagementError
from django.test.utils import CaptureQueriesContext

from evolink_studio.accounts.models import User
from evolink_studio.core.prepared_query import (
    PreparedObjects,
    PreparedQuery,
    build_id_placeholders,
)
from evolink_studio.credits.models import Allowance, AllowanceBalance
from evolink_studio.generations.models import Generation
from tests.factories import NOW, GenerationFactory, UserFactory

pytestmark = pytest.mark.django_db
OWNER, MOMENT, KEY = -1, datetime(2000, 1, 1, tzinfo=UTC), uuid.UUID(int=1)


def test_it_takes_new_values_each_time():
    owners = [UserFactory(), UserFactory()]
    rows = [
        GenerationFactory(owner=owner, created_at=NOW + timedelta(days=days), form_key=uuid.uuid4())
        for owner in owners
        for days in (0, 1)
    ]
    query = PreparedObjects(
        Generation.objects.filter(owner_id=OWNER, created_at__lte=MOMENT, form_key=KEY)
    )
    found = [
        query.fetch({OWNER: row.owner_id, MOMENT: row.created_at, KEY: row.form_key})
        for row in rows
    ]
    too_early = query.fetch({OWNER: rows[0].owner_id, MOMENT: NOW, KEY: rows[1].form_key})
    assert ([pk for (pk,) in found], too_early) == (rows, [])


def test_objects_bring_what_was_selected_and_load_the_rest_when_asked():
    group = Group.objects.create(name="Film")
    before = Allowance.objects.count()
    Allowance.objects.create(group=group, is_shared=True)
    query = PreparedObjects(Allowance.objects.select_related("group").only("group", "is_shared"))
    with CaptureQueriesContext(connection) as queries:
        allowances = query.fetch({})
        names = [allowance.group.name for allowance in allowances if allowance.group_id]
    assert (len(allowances), names, len(queries)) == (before + 1, ["Film"], 1)
    assert not allowances[0]._state.adding
    with CaptureQueriesContext(connection) as queries:
        assert allowances[-1].period == Allowance.objects.get(pk=allowances[-1].pk).period
    assert len(queries) == 2


def test_a_list_of_ids_and_a_day_are_placeholders_too():
    day, users = date(1900, 1, 1), [UserFactory() for _ in range(3)]
    allowance = Allowance.objects.create(user=users[0], period="month")
    for user in users:
        AllowanceBalance.objects.create(
            allowance=allowance, user=user, period="month", period_start=date(2026, 3, 1)
        )
    placeholders = build_id_placeholders(2)
    query = PreparedQuery(
        AllowanceBalance.objects.filter(user_id__in=placeholders, period_start=day)
        .order_by("user_id")
        .values_list("user_id", flat=True)
    )
    wanted = [user.pk for user in users[1:]]
    values = dict(zip(placeholders, wanted, strict=True))
    assert query.fetch({**values, day: date(2026, 3, 1)}) == [(pk,) for pk in wanted]
    assert query.fetch({**values, day: date(2026, 2, 1)}) == []


def test_each_placeholder_is_replaced_wherever_it_stands():
    for name in ("ada", "eve", "bob"):
        UserFactory(username=name, first_name=name)
    rows = User.objects.filter(Q(username="?one") | Q(first_name="?one") | Q(username="?two"))
    query = PreparedQuery(rows.order_by("username").values_list("username", Value("?one")))
    assert query.fetch({"?one": "eve", "?two": "ada"}) == [("ada", "eve"), ("eve", "eve")]
    assert query.fetch({"?one": "bob", "?two": "nobody"}) == [("bob", "bob")]


def test_what_is_no_placeholder_stays_as_it_is():
    UserFactory(username="100%", first_name="50%s")
    UserFactory(username="100", first_name="50")
    rows = User.objects.filter(username__contains="%", first_name="50%s", pk__gt=-7)
    query = PreparedQuery(rows.extra(where=["username LIKE '1%%'"]).values_list("username"))
    assert query.fetch({-7: 0}) == [("100%",)]


def test_a_value_without_a_place_is_refused():
    query = PreparedQuery(User.objects.filter(pk=OWNER).values_list("pk"))
    with pytest.raises(KeyError, match="no placeholder"):
        query.fetch({OWNER: 1, MOMENT: NOW})


def test_times_are_compared_as_the_database_stores_them():
    user = UserFactory(date_joined=NOW)
    query = PreparedQuery(User.objects.filter(date_joined__lte=MOMENT).values_list("date_joined"))
    assert query.fetch({MOMENT: user.date_joined}) == [(NOW,)]
    assert query.fetch({MOMENT: NOW - timedelta(microseconds=1)}) == []


@pytest.mark.django_db(transaction=True)
@pytest.mark.postgres
def test_rows_are_locked_only_in_a_transaction():
    user, rows = UserFactory(), User.objects.filter(pk=OWNER).select_for_update()
    with transaction.atomic():
        query = PreparedQuery(rows.values_list("pk"))
        assert query.fetch({OWNER: user.pk}) == [(user.pk,)]
    with pytest.raises(TransactionManagementError):
        query.fetch({OWNER: user.pk})
